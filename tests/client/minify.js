/**
 * Makes what pages load: `npm run minify`. The client is one file, because pages may also use it by itself; the widget is
 * another, which imports it. What only an opened discussion needs is a third, what only a changed passage needs a fourth; so the search of the list, the marks at the scroll bar, the window on a page that a phone shows smaller, where a page leaves room, and what Markdown is read as. Each language is one of its own.
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import zopfli from '@gfx/zopfli'
import { build, transform } from 'esbuild'
import { minify } from 'terser'

export const STATIC = new URL('../../collabchat_asgi/static/', import.meta.url)
export const ENTRIES = ['client.js', 'widget.js', 'talk.js', 'seek.js', 'reveal.js', 'notes.js', 'finding.js', 'markers.js', 'shrunk.js', 'room.js', 'markdown.js']
/** Where a module stands, by its address. Addresses have no rooms. @type {Map<string, URL>} */
export const MODULES = new Map()
for (const room of ['', 'client/', 'anchors/', 'widget/', 'usage/']) {
  const folder = new URL(room, STATIC)
  for (const name of await readdir(folder)) if (name.endsWith('.js')) MODULES.set(name, new URL(name, folder))
}
const LANG = new URL('widget/lang/', STATIC)
export const LANGUAGES = (await readdir(LANG)).map(name => `lang/${name}`)
for (const name of LANGUAGES) MODULES.set(name, new URL(`../${name}`, LANG))

/** Property names that only our modules say to each other: no word of the wire, of the public types or of a browser (minify.test.js). */
export const OURS = (
  'aborting acked again atEnd announcer answer askAgain asking backoff bearer begins begun beside claim caughtUp certain chatOf clockOffset compose covered created ' +
  'described discuss discussSelection doubt drafting drawn due earlier ends env expanded expectAnswer failures fault finder fold folded follow foot former ' +
  'forget forgetNobodys front gaveBack generation giveBack given halt handles happened hasWork here hide hits holds hope hush kept ' +
  'lastUser lastWelcome least leave leaves markdown messages mine most moved moving mute news nobodys node older opened operating original others outbox overtaken ' +
  'owner pace picker place places point prepared probe pump queue queued readDrafts reading readPosition received refuse refusedWithAll ' +
  'relocate renew renewal renewed reread resized resumes rewrite say selection setting settle settledDown showTyping shown sides signedInSince ' +
  'paintActive mayJoin translated above observer revised doubtful haystack layer styled making rescued inPlace poor column dress offer slow stable steady stored subscribing takeDraft tell tick times toEnd torn troubled trust waits wake wanted welcomed work').split(' ')

/** @param {string} css  @returns {string} */
const narrow = css => css.split(/(\$\{[^}]*\})/).map((part, at) => at % 2 // what is filled in keeps the blanks around it
  ? part : part.replace(/\s+/g, ' ').replace(/ ?([{};,>]) ?/g, '$1').replace(/: /g, ':').replace(/;}/g, '}')).join('')

/** @type {import('esbuild').Plugin} */
const styles = {
  name: 'styles',
  setup(building) {
    building.onLoad({ filter: /styles\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8')
      return { contents: source.replace(/`[^`]*`/g, narrow) }
    })
  },
}

/** What stays a file of its own is imported by its address: all are beside each other there. @param {string} entry  @returns {import('esbuild').Plugin} */
const addresses = entry => ({
  name: 'addresses',
  setup(building) {
    const apart = new Map([...ENTRIES, 'rectangles.js', 'history.js', ...LANGUAGES].map(name => [basename(name), name]))
    building.onResolve({ filter: /^\.{1,2}\// }, ({ path }) => {
      const name = apart.get(basename(path))
      return name && name !== entry ? { path: `./${name}`, external: true } : undefined
    })
  },
})

/** Whose names a file takes: what two files say to each other has the same name in both. @param {string} entry  @returns {string | undefined} */
const former = entry => ['client.js', 'widget.js'].includes(entry) ? undefined : entry === 'talk.js' ? 'widget.js' : 'talk.js'

/** @param {string} entry  @returns {Promise<import('esbuild').BuildResult<{write: false}>>} */
async function bundled(entry) {
  const before = former(entry), mangleCache = before ? (await bundled(before)).mangleCache : {}
  return build({
    entryPoints: [fileURLToPath(MODULES.get(entry) ?? '')],
    // Both minify: what esbuild writes is what terser makes the smallest of.
    bundle: true, minify: true, mangleProps: new RegExp(`^(?:${OURS.join('|')})$`), format: 'esm', target: 'es2022', charset: 'utf8', plugins: [styles, addresses(entry)], write: false, mangleCache,
  })
}

/** @param {string} entry  @returns {Promise<string>} */
export async function minified(entry) {
  if (LANGUAGES.includes(entry)) return (await transform(await readFile(MODULES.get(entry) ?? '', 'utf8'), { minify: true, charset: 'utf8', format: 'esm' })).code
  const { outputFiles: [bundle] } = await bundled(entry)
  const { code } = await minify(bundle.text, { module: true, ecma: 2020, compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false, hoist_funs: true, inline: 1 }, format: { comments: false } })
  // An address that is made when it is needed is nobody's to bundle: whoever bundles is told so, each in their words.
  return `${code?.replace(/\bimport\((?!")/g, 'import(/*webpackIgnore:true*//*@vite-ignore*/')}\n`
}

/**
 * What is served is compressed here, once, and not by each process that starts: that needs no library there.
 * Zopfli writes what every gzip reads, and takes its time to make it smaller.
 * @param {Buffer} text  @returns {Promise<Record<string, Uint8Array>>} by the end of the file's name
 */
export const encodings = async text => ({
  '': text,
  '.br': brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
  '.gz': await zopfli.gzipAsync(text, { numiterations: 15 }),
})

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // All of them first: one that cannot be made leaves what is there.
  const texts = new Map()
  for (const entry of [...ENTRIES, ...LANGUAGES]) texts.set(entry, Buffer.from(await minified(entry)))
  await rm(new URL('min/', STATIC), { recursive: true, force: true })
  await mkdir(new URL('min/lang/', STATIC), { recursive: true })
  for (const [entry, text] of texts) {
    for (const [end, bytes] of Object.entries(await encodings(text))) await writeFile(new URL(`min/${entry}${end}`, STATIC), bytes)
  }
}
