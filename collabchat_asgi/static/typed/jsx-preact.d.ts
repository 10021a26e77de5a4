/** `<collab-chat>` in JSX, for Preact: name this file once, in `types` of tsconfig.json or by an import. */

import type { HTMLAttributes } from 'preact'
import type { CollabChatElement, WidgetProperties } from './widget.js'

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'collab-chat': HTMLAttributes<CollabChatElement> & WidgetProperties
    }
  }
}
