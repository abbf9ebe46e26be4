/**
 * The script of the tester page, as the browser gets it. What people wrote is only ever put in as text
 * (`textContent`), never as HTML. It holds no backtick and no backslash, so that it stands here as it is.
 */
export const testerScript = `'use strict';
(() => {
  const byId = (id) => document.getElementById(id);
  const app = byId('app');
  const backend = app.dataset.backend;
  const messages = byId('messages');
  const conversations = byId('conversations');
  if (!messages) return;

  let identity = app.dataset.identity;
  let opened = 0;
  let touched = new Set();
  const unread = new Map();
  const drafts = new Map();
  const title = document.title;

  const address = (path, values) => '/console/tester' + path + '?' + new URLSearchParams({ backend, ...values });
  const itemOf = (list, key, value) => [...list.children].find((item) => item.dataset[key] === value);

  // ---- what is shown

  function say(text) { byId('notice').textContent = text; byId('fault').textContent = ''; }
  function complain(text) { byId('fault').textContent = text; byId('notice').textContent = ''; }

  function live(state, text) {
    const element = byId('live');
    if (element.dataset.live === state) return;
    element.dataset.live = state;
    app.dataset.live = state;
    element.textContent = text;
  }

  function clock(element) {
    const at = new Date(element.dateTime);
    const today = new Date().toDateString() === at.toDateString();
    const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    element.textContent = today ? time : at.toLocaleDateString() + ' ' + time;
    element.title = at.toLocaleString();
  }

  function fill(item, message) {
    item.dataset.id = message.id;
    item.dataset.seq = message.seq;
    item.dataset.direction = message.direction;
    item.dataset.tone = message.tone;
    item.querySelector('.speaker').textContent = message.direction === 'in' ? 'You wrote:' : 'The answer:';
    item.querySelector('.text').textContent = message.text;
    const time = item.querySelector('time');
    time.dateTime = message.at;
    clock(time);
    const state = item.querySelector('.state');
    state.textContent = message.state;
    state.dataset.tone = message.tone;
    state.title = message.meaning;
    const error = item.querySelector('.error');
    error.hidden = message.error === null;
    error.textContent = message.error || '';
  }

  function show(message) {
    const known = itemOf(messages, 'id', message.id);
    if (message.state === 'CANCELLED') { if (known) known.remove(); return; }
    const log = byId('log');
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    if (known) { fill(known, message); }
    else {
      const item = byId('message-template').content.firstElementChild.cloneNode(true);
      fill(item, message);
      const later = [...messages.children].find((other) => Number(other.dataset.seq) > message.seq);
      messages.insertBefore(item, later || null);
      byId('no-messages').hidden = true;
    }
    if (atEnd) toEnd();
  }

  function toEnd() { const log = byId('log'); log.scrollTop = log.scrollHeight; }

  function list(who, last, first) {
    let item = itemOf(conversations, 'identity', who);
    if (!item) {
      item = byId('conversation-template').content.firstElementChild.cloneNode(true);
      item.dataset.identity = who;
      item.querySelector('a').href = address('', { identity: who });
      item.querySelector('.who').textContent = who;
    }
    if (last !== undefined) item.querySelector('.last').textContent = last;
    if (first && conversations.firstElementChild !== item && !item.contains(document.activeElement)) conversations.prepend(item);
    else if (!item.isConnected) conversations.append(item);
    mark();
  }

  function mark() {
    let all = 0;
    for (const item of conversations.children) {
      const link = item.querySelector('a');
      if (item.dataset.identity === identity) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
      const count = unread.get(item.dataset.identity)?.size ?? 0;
      const badge = item.querySelector('.new');
      badge.hidden = count === 0;
      badge.textContent = count === 0 ? '' : count + ' new';
      all += count;
    }
    byId('no-conversations').hidden = conversations.children.length > 0;
    document.title = (all > 0 ? '(' + all + ') ' : '') + title;
  }

  // ---- what is asked of the server

  async function ask(url, options) {
    let response;
    try {
      response = await fetch(url, { ...options, headers: { accept: 'application/json', ...options?.headers } });
    } catch {
      throw new Error('The server cannot be reached. Try again.');
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.error || 'The server answered ' + response.status + '.');
    return answer;
  }

  async function load() {
    const turn = opened;
    touched = new Set();
    if (identity === '') return;
    const answer = await ask(address('/messages', { identity }));
    if (turn !== opened) return;
    // A number may be recorded in another form than it was typed in.
    if (answer.identity !== identity) return open(answer.identity, true);
    // What was told of a message meanwhile is newer than what was read.
    for (const message of answer.messages) if (!touched.has(message.id)) show(message);
    byId('more-messages').hidden = answer.messages.length < 200;
  }

  async function loadList() {
    const answer = await ask(address('/conversations'));
    for (const { identity: who, last } of answer.conversations) list(who, last, false);
  }

  function reload() {
    Promise.all([load(), loadList()]).catch((error) => complain(error.message));
  }

  function open(who, byHistory) {
    drafts.set(identity, byId('text').value);
    identity = who;
    opened++;
    app.dataset.identity = who;
    unread.delete(who);
    messages.replaceChildren();
    byId('no-messages').hidden = false;
    byId('more-messages').hidden = true;
    say('');
    byId('start').hidden = who !== '';
    byId('device').hidden = who === '';
    byId('who').firstElementChild.textContent = who;
    for (const input of document.querySelectorAll('.device input[name=identity]')) input.value = who;
    byId('text').value = drafts.get(who) || '';
    grow();
    if (who !== '') list(who, undefined, !itemOf(conversations, 'identity', who));
    mark();
    if (!byHistory) history.pushState(null, '', who === '' ? address('', {}) : address('', { identity: who }));
    if (who !== '') byId('text').focus();
    load().then(toEnd).catch((error) => complain(error.message));
  }

  // ---- what comes by itself

  let stream;
  let again;

  function heard(message) {
    if (message.identity === identity) {
      touched.add(message.id);
      show(message);
    } else if (message.direction === 'out' && message.state !== 'CANCELLED') {
      if (!unread.has(message.identity)) unread.set(message.identity, new Set());
      unread.get(message.identity).add(message.id);
    }
    if (message.state !== 'CANCELLED') list(message.identity, message.text, true);
  }

  function listen() {
    clearTimeout(again);
    if (stream) stream.close();
    stream = new EventSource(address('/events'));
    stream.addEventListener('open', () => { live('yes', 'Live'); reload(); });
    stream.addEventListener('message', (event) => heard(JSON.parse(event.data)));
    stream.addEventListener('reload', reload);
    stream.addEventListener('error', () => {
      live('no', 'Not live: trying again');
      if (stream.readyState !== EventSource.CLOSED) return;
      // Refused, which the browser does not try again: perhaps the session has ended.
      loadList().catch((error) => complain(error.message));
      again = setTimeout(listen, 5000);
    });
  }

  // A browser has few connections to one server: pages that nobody sees give theirs back.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) return listen();
    clearTimeout(again);
    stream.close();
    live('no', 'Not live');
  });

  // ---- what people do

  const text = byId('text');

  function grow() {
    text.style.height = 'auto';
    text.style.height = text.scrollHeight + 2 + 'px';
  }

  async function submit(form, send) {
    const button = form.querySelector('button');
    button.disabled = true;
    try {
      await send();
    } catch (error) {
      complain(error.message);
    } finally {
      button.disabled = false;
    }
  }

  byId('write').addEventListener('submit', (event) => {
    event.preventDefault();
    const written = text.value;
    const who = identity;
    if (written.trim() === '') return;
    submit(event.target, async () => {
      const body = JSON.stringify({ backend, identity: who, text: written });
      const headers = { 'content-type': 'application/json' };
      const { message } = await ask('/console/tester/messages', { method: 'POST', headers, body });
      if (who !== identity) return void drafts.delete(who);
      say('');
      if (text.value === written) text.value = '';
      grow();
      if (message && !itemOf(messages, 'id', message.id)) show(message);
      list(who, undefined, true);
      toEnd();
      text.focus();
    });
  });

  byId('upload').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.target;
    submit(form, async () => {
      say('Sending…');
      const { taken } = await ask('/console/tester/upload', { method: 'POST', body: new FormData(form) });
      form.reset();
      say(taken === 1 ? '1 message sent.' : taken + ' messages sent.');
      byId('upload-more').open = false;
    });
  });

  byId('upload-more').addEventListener('toggle', toEnd);
  text.addEventListener('input', grow);
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId('write').requestSubmit();
  });

  function invented() {
    const [area, line] = crypto.getRandomValues(new Uint32Array(2));
    return '1' + (201 + (area % 789)) + '55501' + String(line % 100).padStart(2, '0');
  }

  document.addEventListener('submit', (event) => {
    if (event.defaultPrevented || event.target.method !== 'get' || event.target.id === 'backend-choice') return;
    event.preventDefault();
    const number = byId('number');
    const who = event.submitter?.name === 'random' ? invented() : number.value.trim();
    if (who === '') return number.focus();
    number.value = '';
    open(who);
  });

  app.addEventListener('click', (event) => {
    const link = event.target.closest('.conversations a, #back');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    open(link.id === 'back' ? '' : link.closest('li').dataset.identity);
  });

  addEventListener('popstate', () => open(new URLSearchParams(location.search).get('identity') || '', true));

  const choice = byId('backend-choice');
  if (choice) choice.addEventListener('change', () => choice.submit());

  document.documentElement.classList.add('scripted');
  for (const time of document.querySelectorAll('time')) clock(time);
  mark();
  toEnd();
  if (identity !== '') text.focus();
  if (!document.hidden) listen();
})();
`
