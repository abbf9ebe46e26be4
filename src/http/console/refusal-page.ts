import type Koa from 'koa'
import { html, nothing } from './html.ts'
import { page } from './page.ts'

/** Says how one gets in. @param link what was the matter with the link, where there was one */
export function refusalPage(ctx: Koa.Context, link: 'none' | 'refused' | 'refused but in'): void {
  const told =
    link === 'none'
      ? nothing
      : html`<p>The link has been used before, is older than an hour, or is not complete. Each link opens the console once.</p>`
  const alreadyIn =
    link === 'refused but in'
      ? html`<p>This browser is in already: <a href="/console/tester">go on to the tester</a>.</p>`
      : nothing
  ctx.status = 403
  ctx.type = 'html'
  ctx.body = page({
    title: 'A link is needed',
    className: 'refusal',
    content: html`<main>
<h1>A link is needed</h1>
${told}${alreadyIn}
<p>These pages open with a link that is valid once and for an hour. The server prints one when it starts, below the line with its address.</p>
<p>For another link, send the process of the server the signal USR2: <code>kill -USR2 &lt;pid&gt;</code>. Sessions end after ten hours, and when the server stops.</p>
</main>`,
  })
}
