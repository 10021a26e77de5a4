/** `<collab-chat>` in JSX, for Solid: name this file once, in `types` of tsconfig.json or by an import. */

import type { JSX } from 'solid-js'
import type { CollabChatElement, WidgetAttributes, WidgetProperties } from './widget.js'

/** Solid sets a property for whatever is not a text in the markup, so such an attribute is named as one: `attr:page={id()}`. */
type Named = { [Name in keyof WidgetAttributes as `attr:${Name}`]?: WidgetAttributes[Name] }

declare module 'solid-js' {
  namespace JSX {
    interface IntrinsicElements {
      'collab-chat': JSX.HTMLAttributes<CollabChatElement> & WidgetProperties & Named
    }
  }
}
