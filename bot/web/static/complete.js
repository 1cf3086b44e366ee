// A line that may be a command: its completion, and its answer in place. Without it lines are typed whole.
"use strict";

// What begins as a command does, or may yet.
const COMMAND = /^\s*\/(a(g(e(n(t(\s[^]*)?)?)?)?)?)?$/i;

function isPlainKey(event) {
  return !(event.isComposing || event.altKey || event.ctrlKey || event.metaKey);
}

// Shows what the reader alone is told; whether what they typed is done with.
function showTold(answer) {
  const place = document.getElementById("answer");
  const problem = answer.error || (answer.detail && { message: answer.detail, remedy: answer.remedy });
  if (answer.html) place.replaceChildren(makePart(answer.html));
  else if (problem) place.replaceChildren(makeProblem(problem));
  else place.replaceChildren();
  fillToken(place);
  showTimes(place);
  return !problem && !answer.keep;
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

// An input with its suggestions in a list of options.
function startCompletion(input, list, agent) {
  let found = [], chosen = -1, asked = 0, timer, stale = false;

  // Only a combobox says so: of a field of many lines it is not allowed.
  function expand(isOpen) {
    list.hidden = !isOpen;
    if (input.getAttribute("role") === "combobox") input.setAttribute("aria-expanded", String(isOpen));
  }

  function close() {
    clearTimeout(timer);
    asked++;
    found = [];
    chosen = -1;
    stale = false;
    expand(false);
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
    expand(found.length > 0);
    choose(-1);
  }

  async function ask() {
    const number = ++asked;
    const query = new URLSearchParams({ line: input.value, cursor: input.selectionStart, agent });
    try {
      const response = await fetch(`/complete?${query}`, { headers: { Accept: "application/json" } });
      const suggestions = response.ok ? await response.json() : [];
      if (number === asked) show(suggestions);
    } catch (lost) {
      close();
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    // Words for an agent are nobody's but its own until they are sent.
    if (!COMMAND.test(input.value.slice(0, 200))) return close();
    stale = true;
    timer = setTimeout(ask, 60);
  });
  input.addEventListener("blur", close);

  // Whether a key was for the list.
  function takeKey(event) {
    const open = !list.hidden, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && open) choose((chosen + step + found.length + (chosen < 0 && step < 0 ? 1 : 0)) % found.length);
    else if (event.key === "Tab" && (open || stale) && !event.shiftKey) takeFresh();
    else if (event.key === "Enter" && open && chosen >= 0) take(chosen);
    else if (event.key === "Escape" && open) close();
    else return false;
    event.preventDefault();
    return true;
  }

  return { close, takeKey };
}
