// Makes the console's pages live. Everything here is an addition: without it the pages read and their forms post.
"use strict";

const ABOUT = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// ---------------------------------------------------------------------------------------------------------- times

function sayAgo(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
  return ABOUT.format(Math.round(seconds / size), unit);
}

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    const whole = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const isToday = at.toDateString() === new Date().toDateString();
    const clock = isToday ? at.toLocaleTimeString(undefined, { timeStyle: "short" }) : whole;
    const shown = { ago: () => sayAgo(at), clock: () => clock }[time.dataset.show]?.() ?? whole;
    if (time.textContent !== shown) time.textContent = shown;
    time.title = whole;
  }
}

// ----------------------------------------------------------------------------------------------------------- notices

function notify(text, isBad) {
  const notice = document.createElement("div");
  notice.className = isBad ? "notice bad" : "notice";
  notice.textContent = text;
  document.querySelector(".notices").append(notice);
  setTimeout(() => notice.remove(), isBad ? 15000 : 6000);
}

function askFirst(text) {
  const dialog = document.createElement("dialog");
  dialog.innerHTML = '<p></p><form method="dialog" class="acts"><button value="yes" class="primary">Yes</button><button value="">No</button></form>';
  dialog.querySelector("p").textContent = text;
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes");
    dialog.remove();
  }));
}

// ------------------------------------------------------------------------------------------------------------- forms

function fillToken(root) {
  const token = document.querySelector("meta[name=csrf]");
  for (const input of root.querySelectorAll("input[name=csrf]")) input.value = token ? token.content : "";
}

function readForm(form) {
  fillToken(form);
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
  // The same however often this press is sent.
  form.dataset.key ||= crypto.getRandomValues(new Uint32Array(4)).join("-");
  body.set("key", form.dataset.key);
  return body;
}

// Sends a form; returns the answer as JSON. What did not get through is sent again with the same key.
async function sendForm(form) {
  const options = { method: "POST", body: readForm(form), headers: { Accept: "application/json" } };
  for (let pause = 250; ; pause *= 2) {
    try {
      const response = await fetch(form.action, options);
      if (response.redirected || !(response.headers.get("content-type") || "").includes("json")) {
        location.reload();
        return {};
      }
      if (response.status !== 503 || pause > 4000) return await response.json();
    } catch (lost) {
      if (pause > 4000) return { error: { message: "The bot cannot be reached.", remedy: "Is it running?" } };
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function sayAnswer(answer) {
  const problem = answer.error || (answer.detail && { message: answer.detail, remedy: answer.remedy });
  if (problem) notify(`${problem.message} ${problem.remedy || ""}`, true);
  else if (answer.text) notify(answer.text, false);
  return !problem;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  const button = event.submitter;
  if (form.dataset.busy) return;
  const confirm = form.elements.confirm && form.elements.confirm.value;
  if (confirm && !(await askFirst(confirm))) return;
  // A button that is disabled would lose the focus.
  form.dataset.busy = "yes";
  if (button) button.setAttribute("aria-disabled", "true");
  const isDone = sayAnswer(await sendForm(form));
  if (isDone) form.querySelectorAll("textarea, input[type=text]").forEach((field) => (field.value = ""));
  delete form.dataset.key;
  delete form.dataset.busy;
  if (button) button.removeAttribute("aria-disabled");
});

// -------------------------------------------------------------------------------------------------------------- live

function isTouched(element) {
  const active = document.activeElement;
  const typed = [...element.querySelectorAll("textarea, input[type=text]")].some((field) => field.value);
  return typed || (element.contains(active) && active.matches("textarea, input, select"));
}

function makeElement(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function listControls(root) {
  return [...root.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")];
}

function nameControl(control) {
  const words = control.matches("button, summary") ? control.textContent.trim() : "";
  return [control.tagName, control.getAttribute("href"), control.name, control.title, words].join(" ");
}

// Keeps what a person opened, ticked or focused.
function keepState(old, fresh) {
  const inside = old.contains(document.activeElement) ? document.activeElement : null;
  const name = inside && nameControl(inside), place = inside && listControls(old).filter((one) => nameControl(one) === name).indexOf(inside);
  for (const open of old.querySelectorAll("details[open][id]")) {
    const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
  const box = old.querySelector("input[type=checkbox]"), next = fresh.querySelector("input[type=checkbox]");
  if (box && next) next.checked = box.checked;
  return () => {
    if (inside) {
      // Never another button, which the next Enter would press: what held it has the focus then.
      const same = listControls(fresh).filter((one) => nameControl(one) === name)[place];
      if (!same) fresh.tabIndex = -1;
      (same || fresh).focus({ preventScroll: true });
    }
  };
}

function applyPatch(patch) {
  const old = document.getElementById(patch.id);
  if (!patch.html) {
    if (old) old.remove();
    return;
  }
  const fresh = makeElement(patch.html);
  const list = patch.into && document.getElementById(patch.into);
  fillToken(fresh);
  showTimes(fresh);
  if (old) {
    // What somebody types in is left alone until they are done.
    if (isTouched(old)) {
      old.addEventListener("focusout", () => setTimeout(() => !isTouched(old) && applyPatch(patch), 50), { once: true });
      return;
    }
    const refocus = keepState(old, fresh);
    if (list && old.parentElement !== list) {
      old.remove();
      list[patch.top ? "prepend" : "append"](fresh);
    } else old.replaceWith(fresh);
    refocus();
  } else if (list) {
    const follows = list.dataset.follow !== undefined && isAtEnd(list);
    list[patch.top ? "prepend" : "append"](fresh);
    if (follows) scrollToEnd(list);
  }
  document.dispatchEvent(new CustomEvent("patched", { detail: fresh }));
}

function findScroller(list) {
  return getComputedStyle(list).overflowY !== "visible" ? list : document.scrollingElement;
}

function isAtEnd(list) {
  const box = findScroller(list);
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
}

function scrollToEnd(list) {
  const box = findScroller(list);
  box.scrollTop = box.scrollHeight;
}

function applyFacts(facts) {
  if (facts.reload) location.reload();
  for (const [name, amount] of Object.entries(facts.counts || {})) {
    for (const place of document.querySelectorAll(`[data-count="${CSS.escape(name)}"]`)) place.textContent = amount;
  }
  if (facts.counts && "needs-you" in facts.counts) {
    const bare = document.title.replace(/^\(\d+\) /, "");
    document.title = facts.counts["needs-you"] ? `(${facts.counts["needs-you"]}) ${bare}` : bare;
  }
}

function goLive(address) {
  const source = new EventSource(address);
  const offline = document.querySelector(".offline");
  let timer;
  source.addEventListener("open", () => {
    clearTimeout(timer);
    timer = undefined;
    offline.hidden = true;
    document.body.dataset.connected = "";
  });
  source.addEventListener("message", (event) => {
    const change = JSON.parse(event.data);
    change.patches.forEach(applyPatch);
    applyFacts(change.facts);
  });
  source.addEventListener("error", () => {
    delete document.body.dataset.connected;
    timer ||= setTimeout(() => (offline.hidden = false), 1500);
    // The browser itself tries again, unless it was told no: the session may be over.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  addEventListener("pagehide", () => source.close());
}

// ------------------------------------------------------------------------------------------------------------- fleet

// Rows that came in after the page was made have to fit its filters, too.
function filterRows() {
  const form = document.querySelector("form[data-filter]");
  if (!form) return;
  const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(".row")) {
    const text = row.textContent.toLowerCase();
    const fits = ["project", "kind", "owner"].every((name) => ["", row.dataset[name]].includes(form.elements[name].value));
    row.hidden = !(fits && words.every((word) => text.includes(word)));
  }
}

document.addEventListener("patched", filterRows);
document.addEventListener("input", (event) => event.target.closest("form[data-filter]") && filterRows());

// -------------------------------------------------------------------------------------------------------------- start

fillToken(document);
showTimes(document);
setInterval(() => showTimes(document), 10000);
document.querySelectorAll("[data-follow]").forEach(scrollToEnd);
document.querySelectorAll("form[data-submit]").forEach((form) => form.requestSubmit());
if (document.querySelector("[data-again]")) setTimeout(() => location.replace("/access"), 4000);
if (document.body.dataset.live) goLive(document.body.dataset.live);
