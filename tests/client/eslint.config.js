// The browser's half is written in one style, and this is its formatter. It says what a line looks
// like and not where lines break: a one-line body stays one line.
import stylistic from '@stylistic/eslint-plugin'

/** @param {Record<string, unknown>} rules */
const named = rules => Object.fromEntries(Object.entries(rules).map(([name, options]) => [`style/${name}`, ['error', ...[options].flat()]]))

export default [
  { ignores: ['collabchat_asgi/static/min/'] },
  {
    files: ['**/*.js'],
    plugins: { style: stylistic },
    rules: named({
      'arrow-parens': 'as-needed',
      'arrow-spacing': [],
      'block-spacing': [],
      'brace-style': ['1tbs', { allowSingleLine: true }],
      'comma-dangle': 'only-multiline',
      'comma-spacing': [],
      'dot-location': 'property',
      'eol-last': [],
      'indent': [2, { SwitchCase: 1, ignoredNodes: ['ConditionalExpression'] }],
      'key-spacing': [],
      'keyword-spacing': [],
      'no-multi-spaces': [],
      'no-multiple-empty-lines': { max: 1, maxBOF: 0, maxEOF: 0 },
      'no-tabs': [],
      'no-trailing-spaces': [],
      'object-curly-spacing': 'always',
      'padded-blocks': 'never',
      'quotes': ['single', { avoidEscape: true, allowTemplateLiterals: 'always' }],
      'semi': ['never', { beforeStatementContinuationChars: 'never' }],
      'space-before-blocks': [],
      'space-before-function-paren': { anonymous: 'always', named: 'never', asyncArrow: 'always' },
      'space-in-parens': [],
      'space-infix-ops': [],
      'spaced-comment': [],
      'template-curly-spacing': [],
    }),
  },
]
