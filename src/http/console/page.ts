import { type Html, html, nothing } from './html.ts'

export interface PageParts {
  readonly title: string
  /** Of the body, for the style sheet. */
  readonly className: string
  /** The address of the page's script. */
  readonly script?: string
  /** Where the browser goes on to by itself. */
  readonly goOn?: string
  readonly content: Html
}

/** A whole page of the console. */
export function page({ title, className, script, goOn, content }: PageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
${goOn === undefined ? nothing : html`<meta http-equiv="refresh" content="0; url=${goOn}">`}
<title>${title}</title>
<link rel="icon" href="/console/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/console.css">
${script === undefined ? nothing : html`<script src="${script}" defer></script>`}
</head>
<body class="${className}">
${content}
</body>
</html>
`.text
}
