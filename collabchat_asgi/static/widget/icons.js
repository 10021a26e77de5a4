/** Outlines of what is opened. */
import { SHAPES } from './dom.js'

Object.assign(SHAPES, {
  back: 'M8 4 4 8l4 4M4 8h12v8',
  check: 'm4 10.5 4 4 8-9',
  close: 'm5 5 10 10M15 5 5 15',
  copy: 'M7 7V3h10v10h-4M3 7h10v10H3Z',
  smile: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm-3-5a4 3 0 0 0 6 0M7.5 8v.5m5-.5v.5',
  link: 'M8.5 11.5a3 3 0 0 0 4.2 0l3-3a3 3 0 0 0-4.2-4.2l-1 1m1 3.2a3 3 0 0 0-4.2 0l-3 3a3 3 0 0 0 4.2 4.2l1-1',
  pencil: 'm4 16 .7-3.3L13.5 4l2.5 2.5-8.7 8.8L4 16Z',
  trash: 'M4 6h12M8 6V4h4v2m-6.5 0 .6 10h7.8l.6-10',
  send: 'M10 16V4.5M5 9.5l5-5 5 5',
  move: 'M10 17.5s-5-4.8-5-9a5 5 0 0 1 10 0c0 4.2-5 9-5 9Zm0-7.4a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2Z',
  next: 'm8 5 5 5-5 5',
  previous: 'm12 5-5 5 5 5',
})
