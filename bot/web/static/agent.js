// An agent's page: what callboard.js does not do for every page. Loaded after it and complete.js.
"use strict";

// ------------------------------------------------------------------------------------------------------------ elapsed

function saySpan(seconds) {
  for (const [size, unit, small, smallUnit] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (seconds < size) continue;
    const rest = Math.floor((seconds % size) / small);
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
  }
  return `${seconds} s`;
}

function tick() {
  for (const place of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(place.dataset.since)) / 1000));
    if (!isNaN(seconds)) place.textContent = saySpan(seconds);
  }
}

// ------------------------------------------------------------------------------------------------------------- thread

const timeline = document.getElementById("timeline");
let isReading = true;

// What was stored late stands where it belongs.
function putInOrder(entry) {
  let place = null;
  for (let other = entry.previousElementSibling; other && other.dataset.order > entry.dataset.order; other = other.previousElementSibling) place = other;
  if (place) place.before(entry);
}

function follow(fresh) {
  if (fresh.parentElement === timeline) putInOrder(fresh);
  if (timeline && isReading) timeline.scrollTop = timeline.scrollHeight;
  const tail = fresh.matches("[data-tail]") ? fresh : fresh.querySelector("[data-tail]");
  if (tail && !pausedTails.has(tail.parentElement.id)) tail.scrollTop = tail.scrollHeight;
}

if (timeline) timeline.addEventListener("scroll", () => (isReading = isAtEnd(timeline)), { passive: true });
// A question takes its room from the thread, whose end stays in view.
if (timeline && timeline.dataset.follow !== undefined) new ResizeObserver(() => isReading && scrollToEnd(timeline)).observe(timeline);

// Logs: one that somebody scrolled up in stays where it is, as far as it can.
const pausedTails = new Set();
document.addEventListener("scroll", (event) => {
  const tail = event.target;
  if (!(tail instanceof Element) || !tail.matches("[data-tail]")) return;
  if (isAtEnd(tail)) pausedTails.delete(tail.parentElement.id);
  else pausedTails.add(tail.parentElement.id);
}, { capture: true, passive: true });

document.addEventListener("patched", (event) => {
  const fresh = event.detail;
  if (fresh.dataset.title) document.title = `${fresh.dataset.title} · Callboard`;
  follow(fresh);
  tick();
});

// ----------------------------------------------------------------------------------------------------------- composer

function askWhich(id) {
  const dialog = document.createElement("dialog");
  dialog.innerHTML = '<p></p><form method="dialog" class="acts"><button value="stop" class="primary">Stop</button><button value="text">Send as text</button><button value="">Neither</button></form>';
  dialog.querySelector("p").textContent = `Stop ${id}, or tell it the word?`;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue);
    dialog.remove();
  }));
}

async function postOnce(address, body) {
  for (let pause = 250; ; pause *= 2) {
    try {
      const response = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
      if (response.status !== 503 || pause > 4000) return await response.json();
    } catch (lost) {
      if (pause > 4000) return { error: { message: "The bot cannot be reached.", remedy: "Is it running?" } };
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function makeKey() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

async function sayWords(form) {
  fillToken(form);
  const body = new FormData(form);
  body.set("key", makeKey());
  let answer = await postOnce(form.action, body);
  if (answer.stop) {
    const chosen = await askWhich(answer.stop.replace(/^stop /, ""));
    if (!chosen) return false;
    if (chosen === "stop") {
      const act = new URLSearchParams({ command: answer.stop, csrf: body.get("csrf"), key: makeKey() });
      answer = await postOnce("/act", act);
    } else {
      body.set("plainly", "yes");
      answer = await postOnce(form.action, body);
    }
  }
  if ("html" in answer) return showTold(answer);
  showTold({});
  return sayAnswer(answer);
}

const words = document.getElementById("words");
if (words) {
  const completion = startCompletion(words, document.getElementById("suggestions"), words.dataset.agent);
  words.addEventListener("keydown", (event) => {
    if (!isPlainKey(event) || completion.takeKey(event)) return;
    // A command is one line, which Enter says, as in the chat.
    if (event.key !== "Enter" || event.shiftKey || !/^\s*\/agent(\s|$)/i.test(words.value)) return;
    event.preventDefault();
    completion.close();
    words.form.requestSubmit();
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-say]")) return;
  event.preventDefault();
  const button = event.submitter;
  if (button) button.disabled = true;
  if (await sayWords(form)) {
    form.reset();
    if (timeline) timeline.scrollTop = timeline.scrollHeight;
  }
  if (button) button.disabled = false;
  form.elements.text.focus();
});

// As in chats: Enter with Ctrl or Cmd sends.
document.addEventListener("keydown", (event) => {
  const form = event.target.closest && event.target.closest("[data-say]");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

// -------------------------------------------------------------------------------------------------------------- start

tick();
setInterval(tick, 1000);
document.querySelectorAll("[data-tail]").forEach((tail) => (tail.scrollTop = tail.scrollHeight));
