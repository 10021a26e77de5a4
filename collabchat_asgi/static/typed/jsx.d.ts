/** `<collab-chat>` in JSX, for React: name this file once, in `types` of tsconfig.json or by an import. */

import type { DetailedHTMLProps, HTMLAttributes } from 'react'
import type { CollabChatElement, WidgetProperties } from './widget.js'

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'collab-chat': DetailedHTMLProps<HTMLAttributes<CollabChatElement>, CollabChatElement> & WidgetProperties
    }
  }
}
