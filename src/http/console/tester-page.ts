import { type Html, html, nothing } from './html.ts'
import { incomingMeanings, outgoingMeanings, type ShownMessage } from './shown-message.ts'
import { LARGEST_FILE, MOST_LINES } from './upload.ts'

/** The newest of each are shown. */
export const MOST_CONVERSATIONS = 30
export const MOST_MESSAGES = 200

export interface ConversationLink {
  readonly identity: string
  /** The text of its last message. */
  readonly last: string
}

export interface TesterView {
  readonly projectName: string
  readonly backends: readonly string[]
  readonly backend: string | undefined
  /** Whose conversation is open. */
  readonly identity: string | undefined
  readonly conversations: readonly ConversationLink[]
  readonly messages: readonly ShownMessage[]
}

const LONGEST_IDENTITY = 255

/** The tester page as it first comes; its script goes on from there, and it serves without the script too. */
export function testerContent(view: TesterView): Html {
  const { projectName, backend, identity } = view
  return html`<a class="skip" href="#phone">Skip to the conversation</a>
<div class="app" id="app" data-backend="${backend ?? ''}" data-identity="${identity ?? ''}">
<header class="top">
<h1><img src="/console/icon.svg" alt="" width="28" height="28"> ${projectName} <span>Tester</span></h1>
${backendChoice(view)}
<p id="live" class="live" role="status" data-live="no">Not live</p>
</header>
<main>
${backend === undefined ? noBackend : [sidebar(view, backend), phone(view, backend), meanings]}
</main>
</div>
<template id="message-template">${bubble(blank)}</template>
<template id="conversation-template">${conversationItem('', { identity: '', last: '' }, false)}</template>`
}

const noBackend = html`<section class="empty"><h2>Nothing to test with</h2>
<p>Add a backend of the kind <code>httptester</code> to the settings.</p></section>`

function backendChoice({ backends, backend }: TesterView): Html {
  if (backends.length < 2) return nothing
  const options = backends.map(
    (name) => html`<option value="${name}"${name === backend ? html` selected` : nothing}>${name}</option>`,
  )
  return html`<form id="backend-choice" action="/console/tester" method="get">
<label for="backend"><span>Backend</span></label> <select id="backend" name="backend" aria-label="Backend">${options}</select>
<button>Change</button>
</form>`
}

function sidebar({ identity, conversations }: TesterView, backend: string): Html {
  const items = conversations.map((link) => conversationItem(backend, link, link.identity === identity))
  const isListed = identity === undefined || conversations.some((link) => link.identity === identity)
  if (!isListed) items.unshift(conversationItem(backend, { identity, last: '' }, true))
  return html`<nav class="sidebar" aria-label="Conversations">
<div class="card">
<form action="/console/tester" method="get"><input type="hidden" name="backend" value="${backend}">
<button class="primary wide" name="random" value="1">Invent a number</button></form>
<form action="/console/tester" method="get"><input type="hidden" name="backend" value="${backend}">
<label for="number">or open one of your own</label>
<div class="row"><input id="number" name="identity" maxlength="${LONGEST_IDENTITY}" autocomplete="off" placeholder="Number or name">
<button>Open</button></div></form>
</div>
<h2>Conversations</h2>
<ul id="conversations" class="conversations">${items}</ul>
<p class="hint" id="no-conversations">None yet.</p>
</nav>`
}

const meanings = html`<details class="meanings"><summary>What the states mean</summary>
<h3>You wrote</h3>${meaningsList(incomingMeanings)}
<h3>The answer</h3>${meaningsList(outgoingMeanings)}
</details>`

function meaningsList(meanings: Readonly<Record<string, { readonly tone: string; readonly meaning: string }>>): Html {
  const rows = Object.entries(meanings).map(
    ([state, { tone, meaning }]) => html`<dt class="state" data-tone="${tone}">${state}</dt><dd>${meaning}</dd>`,
  )
  return html`<dl>${rows}</dl>`
}

function conversationItem(backend: string, { identity, last }: ConversationLink, isCurrent: boolean): Html {
  const href = `/console/tester?${new URLSearchParams({ backend, identity })}`
  const current = isCurrent ? html` aria-current="page"` : nothing
  return html`<li data-identity="${identity}"><a href="${href}"${current}>
<bdi class="who">${identity}</bdi><span class="new" hidden></span><bdi class="last">${last}</bdi></a></li>`
}

function phone({ identity, messages }: TesterView, backend: string): Html {
  const shown = identity === undefined
  return html`<section class="phone" id="phone" tabindex="-1" aria-label="The open conversation">
<div class="empty" id="start"${shown ? nothing : html` hidden`}>
<h2>A phone to try your apps with</h2>
<p>Invent a number, or open one of your own, and write: what you send comes in through the backend <b>${backend}</b>, and the answers appear here by themselves.</p>
</div>
<div class="device" id="device"${shown ? html` hidden` : nothing}>
<header><a id="back" class="back" href="${`/console/tester?${new URLSearchParams({ backend })}`}"><span aria-hidden="true">‹</span> Conversations</a>
<h2 id="who" tabindex="-1"><bdi>${identity ?? ''}</bdi></h2><p>over ${backend}</p></header>
<div id="log" class="log" role="log" aria-label="Messages" aria-relevant="additions" tabindex="0">
<p class="hint" id="no-messages"${messages.length > 0 ? html` hidden` : nothing}>Nothing yet: write the first message.</p>
<p class="hint" id="more-messages"${messages.length < MOST_MESSAGES ? html` hidden` : nothing}>The newest ${MOST_MESSAGES} messages are shown.</p>
<ol id="messages">${messages.map(bubble)}</ol>
</div>
<p id="notice" class="notice" role="status"></p>
<p id="fault" class="fault" role="alert"></p>
${composer(backend, identity ?? '')}
</div>
</section>`
}

function composer(backend: string, identity: string): Html {
  const person = html`<input type="hidden" name="backend" value="${backend}"><input type="hidden" name="identity" value="${identity}">`
  return html`<form id="write" class="write" action="/console/tester/messages" method="post">${person}
<label class="hidden" for="text">Message</label>
<textarea id="text" name="text" rows="1" required enterkeyhint="send" placeholder="Message" aria-describedby="keys"></textarea>
<button class="primary">Send</button>
<p class="hidden" id="keys">Enter sends, Shift and Enter begins a new line.</p>
</form>
<details class="upload" id="upload-more"><summary>Send a file of messages</summary>
<form id="upload" action="/console/tester/upload" method="post" enctype="multipart/form-data">${person}
<label for="file">A text file in UTF-8, one message per line; at most ${MOST_LINES} lines and ${LARGEST_FILE / 1_048_576} MiB.</label>
<div class="row"><input id="file" name="file" type="file" accept=".txt,text/plain" required><button>Send all</button></div>
</form></details>`
}

const blank: ShownMessage = {
  id: '',
  seq: 0,
  direction: 'in',
  identity: '',
  text: '',
  state: 'RECEIVED',
  tone: 'open',
  meaning: '',
  error: null,
  at: '',
}

function bubble({ id, seq, direction, text, state, tone, meaning, error, at }: ShownMessage): Html {
  return html`<li class="message" data-id="${id}" data-seq="${seq}" data-direction="${direction}" data-tone="${tone}">
<span class="hidden speaker">${direction === 'in' ? 'You wrote:' : 'The answer:'}</span>
<p class="text" dir="auto">${text}</p>
<p class="about"><time datetime="${at}">${at.slice(11, 16)}</time> <span class="state" data-tone="${tone}" title="${meaning}">${state}</span></p>
<p class="error" dir="auto"${error === null ? html` hidden` : nothing}>${error ?? ''}</p>
</li>`
}
