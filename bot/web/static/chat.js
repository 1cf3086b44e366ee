// The chat's input: completion, history, and answers in place. Without it the form posts and the page comes back.
"use strict";

const HISTORY = "callboard.history", MOST_LINES = 100;

function readHistory() {
  try {
    const lines = JSON.parse(localStorage.getItem(HISTORY));
    return Array.isArray(lines) ? lines.filter((line) => typeof line === "string") : [];
  } catch (broken) {
    return [];
  }
}

function keepLine(line) {
  const lines = readHistory().filter((other) => other !== line);
  try {
    localStorage.setItem(HISTORY, JSON.stringify([...lines, line].slice(-MOST_LINES)));
  } catch (full) {
    // Without a history one types it again.
  }
}

// Sends a line. What could not be done stays in the input, with the reason above it.
async function sayLine(form) {
  const input = form.elements.line, line = input.value, place = document.getElementById("answer");
  if (!line.trim() || form.dataset.busy) return;
  form.dataset.busy = "yes";
  const answer = await sendForm(form);
  delete form.dataset.busy;
  delete form.dataset.key;
  const problem = answer.error || (answer.detail && { message: answer.detail, remedy: answer.remedy });
  if (answer.html) place.replaceChildren(makePart(answer.html));
  else if (problem) place.replaceChildren(makeProblem(problem));
  else place.replaceChildren();
  fillToken(place);
  showTimes(place);
  if (problem || answer.keep) return;
  keepLine(line);
  if (input.value === line) input.value = "";
  // A page of older entries hears of nothing new.
  if (!document.body.dataset.live) return location.assign(location.pathname);
  scrollToEnd(document.getElementById("entries"));
}

function makePart(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function makeProblem(problem) {
  const words = document.createElement("p");
  words.className = "problem";
  words.setAttribute("role", "alert");
  words.textContent = `${problem.message} ${problem.remedy || ""}`;
  return words;
}

// The input of the composer with its suggestions: an ARIA combobox.
function startComposer(form) {
  const input = form.elements.line, list = document.getElementById("suggestions");
  let found = [], chosen = -1, asked = 0, timer, recalled = -1, draft = "", stale = false;

  function close() {
    clearTimeout(timer);
    asked++;
    found = [];
    chosen = -1;
    stale = false;
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    chosen = index;
    for (const [number, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(number === index));
    if (index < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `suggestion-${index}`);
    list.children[index].scrollIntoView({ block: "nearest" });
  }

  function take(index) {
    const one = found[index], rest = input.value.slice(input.selectionStart);
    const head = `${input.value.slice(0, one.start)}${one.text}${rest.startsWith(" ") ? "" : " "}`;
    input.value = head + rest;
    input.setSelectionRange(head.length, head.length);
    close();
    ask();
  }

  // What is shown may be for what was there before the last key.
  async function takeFresh() {
    if (stale) {
      clearTimeout(timer);
      await ask();
    }
    if (found.length) take(Math.max(chosen, 0));
  }

  function show(suggestions) {
    found = suggestions;
    stale = false;
    list.replaceChildren(...found.map((one, number) => {
      const option = document.createElement("li"), name = document.createElement("b"), about = document.createElement("span");
      option.id = `suggestion-${number}`;
      option.setAttribute("role", "option");
      name.textContent = one.label;
      about.textContent = one.about;
      option.append(name, " ", about);
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        take(number);
      });
      return option;
    }));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!!found.length));
    choose(-1);
  }

  async function ask() {
    const number = ++asked;
    const query = new URLSearchParams({ line: input.value, cursor: input.selectionStart, agent: form.elements.agent.value });
    try {
      const response = await fetch(`/complete?${query}`, { headers: { Accept: "application/json" } });
      const suggestions = response.ok ? await response.json() : [];
      if (number === asked) show(suggestions);
    } catch (lost) {
      close();
    }
  }

  function recall(step) {
    const lines = readHistory();
    if (recalled < 0) draft = input.value;
    const next = recalled < 0 ? (step < 0 ? lines.length - 1 : -1) : recalled + step;
    if (next < 0 && step < 0) return;
    recalled = next >= 0 && next < lines.length ? next : -1;
    input.value = recalled < 0 ? draft : lines[recalled];
    input.setSelectionRange(input.value.length, input.value.length);
  }

  input.addEventListener("input", () => {
    recalled = -1;
    stale = true;
    clearTimeout(timer);
    timer = setTimeout(ask, 60);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const open = !list.hidden, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && open) choose((chosen + step + found.length + (chosen < 0 && step < 0 ? 1 : 0)) % found.length);
    else if (step && (step < 0 || recalled >= 0)) recall(step);
    else if (event.key === "Tab" && (open || stale) && !event.shiftKey) takeFresh();
    else if (event.key === "Enter" && open && chosen >= 0) take(chosen);
    else if (event.key === "Escape" && open) close();
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    close();
    recalled = -1;
    sayLine(form);
  });
}

document.querySelectorAll("form[data-line]").forEach(startComposer);
