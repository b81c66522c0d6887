// What the pages have beside themselves: times in the viewer's zone, numbers that move,
// and the word of the checker while something is changed. All else works without it.

document.documentElement.classList.add("scripted");

const units = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]];

function ago(then) {
  const seconds = Math.max(0, (Date.now() - then) / 1000);
  for (const [size, name] of units) {
    if (seconds >= size * (size === 86400 ? 2 : 1)) return `${Math.floor(seconds / size)} ${name} ago`;
  }
  return "just now";
}

function moment(then) {
  const time = then.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
  const today = then.toDateString() === new Date().toDateString();
  return today ? time : `${then.toLocaleDateString(undefined, { dateStyle: "medium" })}, ${time}`;
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[data-show]")) {
    const then = new Date(time.dateTime);
    const local = then.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    time.title = local;
    if (time.dataset.show === "ago") time.textContent = ago(then.getTime());
    else if (time.dataset.show === "at") time.textContent = local;
    else time.textContent = moment(then);
  }
}

// Pieces of the page, each in the place of the element with its id. What somebody is
// about to use stays until he has done so.
function replace(html) {
  const pieces = document.createElement("template");
  pieces.innerHTML = html;
  for (const piece of pieces.content.querySelectorAll("[id]")) {
    const old = document.getElementById(piece.id);
    if (!old || old.contains(document.activeElement) || old.innerHTML === piece.innerHTML) continue;
    if (piece.parentElement?.closest("[id]")) continue;
    tellTimes(piece);
    old.replaceWith(piece);
  }
  tellRevision();
}

// What does not move on a page is of the revision that served when it was made.
function tellRevision() {
  const anew = document.querySelector("[data-anew]");
  const now = document.getElementById("status")?.dataset.revision;
  if (anew && now) anew.hidden = now === document.body.dataset.revision;
}

// A page listens while it can be seen: a browser has six connections to a server of HTTP/1.1,
// for all of its tabs together, and would load nothing more when they all listen.
const live = {
  url: document.body.dataset.events,
  source: null,
  failures: 0,
  again: null,

  listen(url = this.url) {
    this.stop();
    this.url = url;
    if (!url || document.hidden) return;
    this.source = new EventSource(url);
    this.source.onmessage = (event) => {
      this.failures = 0;
      replace(event.data);
    };
    this.source.onerror = () => this.lost();
  },

  stop() {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  },

  // The browser tries again by itself, but for answers that are none: after a session, from a
  // proxy whose gateway starts anew, and while too many pages listen.
  lost() {
    this.tell();
    if (this.source.readyState !== EventSource.CLOSED) return;
    const pause = Math.min(60, 5 * 2 ** this.failures++);
    this.again = setTimeout(() => this.listen(), 1000 * pause);
  },

  // The next piece that comes takes the word away.
  tell() {
    const status = document.getElementById("status");
    if (!status || status.querySelector("[data-lost]")) return;
    const word = document.createElement("span");
    word.className = "tag bad";
    word.dataset.lost = "";
    word.setAttribute("role", "alert");
    word.textContent = "not live: load the page anew, or log in";
    status.append(word);
  },
};

live.listen();
document.addEventListener("visibilitychange", () => document.hidden ? live.stop() : live.listen());
addEventListener("pagehide", () => live.stop());
addEventListener("pageshow", (event) => { if (event.persisted) live.listen(); });

function later(wait, run) {
  let timer;
  return (...with_) => { clearTimeout(timer); timer = setTimeout(() => run(...with_), wait); };
}

// Search while somebody types.
const search = document.querySelector("[data-search]");
search?.addEventListener("input", later(150, async () => {
  const query = new URLSearchParams({ q: search.value });
  const answer = await fetch(`/?${query}`);
  if (!answer.ok || query.get("q") !== search.value) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const list = page.getElementById("list");
  if (!list) { // the session is over, and this is the login
    location.assign(`/?${query}`);
    return;
  }
  document.getElementById("list").replaceWith(list);
  document.body.dataset.revision = page.body.dataset.revision ?? "";
  tellRevision();
  history.replaceState(null, "", `/?${query}`);
  live.listen(`/console/events/endpoints?${query}`);
}));

// The text of an element goes to the clipboard; false if it is selected and no more. For pages
// that come over plain HTTP from elsewhere browsers have the old way alone.
async function copyText(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const copied = await copyText(copy.parentElement.querySelector("code"));
    copy.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  }
  const line = event.target.closest("[data-line]");
  const editor = document.getElementById("yaml");
  if (line && editor) {
    const before = editor.value.split("\n").slice(0, line.dataset.line - 1).join("\n").length;
    const at = before + (line.dataset.line > 1 ? 1 : 0) + Math.max(0, line.dataset.column - 1);
    editor.focus();
    editor.setSelectionRange(at, at);
  }
});

const form = document.querySelector("form[data-preview]");
if (form) {
  setUp(form);
  offer(form);
}

// What a field offers follows from those before it: the deployments of the branch, and
// the versions of the deployment. A branch that no endpoint names yet is read once
// somebody has chosen it.
function offer(form) {
  const lists = Object.fromEntries(["branches", "deployments", "versions"].map((id) => [id, document.getElementById(id)]));
  const known = { deployments: [...lists.deployments.options], versions: [...lists.versions.options] };
  const read = new Set(known.deployments.map((option) => option.dataset.branch));

  function narrow(field) {
    const kind = field?.getAttribute?.("list");
    if (!known[kind]) return;
    const chosen = (list) => field.closest(".ref").querySelector(`[list=${list}]`).value.trim();
    const [branch, name] = [chosen("branches"), chosen("deployments")];
    lists[kind].replaceChildren(...known[kind].filter((option) =>
      option.dataset.branch === branch && (kind === "deployments" || option.dataset.name === name)));
  }

  async function load(branch) {
    if (branch === "" || read.has(branch)) return;
    read.add(branch);
    const answer = await fetch(`/console/choices?${new URLSearchParams({ branch })}`).catch(() => null);
    const found = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    if (!found?.getElementById("deployments")) { // the checker says what is wrong, or the session is over
      read.delete(branch);
      return;
    }
    for (const kind of Object.keys(known)) known[kind].push(...found.getElementById(kind).options);
    narrow(document.activeElement);
  }

  form.addEventListener("focusin", (event) => narrow(event.target));
  form.addEventListener("change", (event) => { if (event.target.getAttribute("list") === "branches") load(event.target.value.trim()); });
}

function setUp(form) {
  const message = form.querySelector("[data-message]");
  const commit = form.querySelector("[data-commit]");
  const place = document.getElementById("verdict");
  let written = message.value.trim() !== "";
  let asked = 0;
  let stale = false;
  message.addEventListener("input", () => { written = message.value.trim() !== ""; });

  const ask = () => fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)) });

  const preview = later(250, async () => {
    const mine = ++asked;
    let answer = await ask().catch(() => null);
    if ([401, 403].includes(answer?.status) && await renew(form)) answer = await ask().catch(() => null);
    if (mine !== asked) return;
    stale = !answer?.ok;
    commit.disabled = stale;
    if (stale) {
      place.textContent = [401, 403].includes(answer?.status) ? "Your session is over. Log in again in another tab; what you wrote stays here." : "The change cannot be checked now.";
      return;
    }
    place.innerHTML = await answer.text();
    const verdict = place.firstElementChild;
    commit.disabled = verdict.hasAttribute("data-blocks");
    if (!written) message.value = verdict.dataset.suggest;
  });

  function shares() {
    const weights = [...form.querySelectorAll("[data-weight]")];
    const sum = weights.reduce((total, field) => total + (Number(field.value) || 0), 0);
    for (const field of weights) {
      const out = form.querySelector(`[data-share="${CSS.escape(field.name)}"]`);
      out.textContent = sum > 0 ? `${Math.round(1000 * (Number(field.value) || 0) / sum) / 10} %` : "";
    }
  }

  // What only one choice needs is shown with it.
  function conditions() {
    for (const part of form.querySelectorAll("[data-when]")) {
      const at = part.dataset.when.lastIndexOf("=");
      const field = form.elements[part.dataset.when.slice(0, at)];
      part.hidden = field?.value !== part.dataset.when.slice(at + 1);
    }
  }

  // The branch of a new endpoint bears its name, until somebody gives it another one.
  const own = form.elements.own;
  const named = form.elements.endpoint;
  if (named.type !== "hidden") {
    const [, before, after] = /^(.*\/)[^/]*(-\d+-\d+)$/.exec(own.value) ?? [];
    let given = own.value;
    named.addEventListener("input", () => { if (before && own.value === given) given = own.value = before + (named.value.trim() || "new") + after; });
  }

  for (const slider of form.querySelectorAll("[data-slider]")) {
    const field = form.elements[slider.dataset.slider];
    slider.max = Math.max(100, 2 * Number(field.value) || 0);
    slider.value = field.value;
    slider.addEventListener("input", () => { field.value = slider.value; });
    field.addEventListener("input", () => { slider.value = field.value; });
  }
  form.addEventListener("input", (event) => {
    shares();
    conditions();
    if (event.target === message || event.target.name === "where" || event.target.name === "own") return;
    commit.disabled = true; // until it is known what is committed, and its message says so
    preview();
  });
  addEventListener("focus", () => { if (stale) preview(); });
  shares();
  conditions();
  if (form.querySelector("[name=about]").value === "new") return;
  preview();
}

// A form outlives the session that it was made in: when the same person has logged in
// again, it goes on in the new one.
async function renew(form) {
  const answer = await fetch("/console/login");
  if (!answer.ok) return false;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const who = (from) => from.querySelector(".who form")?.textContent;
  const token = page.querySelector(".who [name=token]")?.value;
  if (!token || who(page) !== who(document)) return false;
  for (const field of document.querySelectorAll("[name=token]")) field.value = token;
  return true;
}

// Requests that somebody keeps to send again stay in this browser, and secrets do not.
const trying = document.querySelector("form[data-try]");
if (trying) keep(trying);

function keep(form) {
  const place = document.querySelector("[data-kept]");
  const none = document.querySelector("[data-kept-none]");
  const key = `switchyard.kept.${form.dataset.try}`;
  const fields = ["method", "rest", "headers", "body"];
  const most = 20;
  const secret = /^([^:]*(authorization|cookie|token|secret|key|password|credential)[^:]*):.*$/i;

  function read() {
    try {
      const all = JSON.parse(localStorage.getItem(key) ?? "[]");
      return Array.isArray(all) ? all : [];
    } catch {
      return [];
    }
  }

  function write(all) {
    try {
      localStorage.setItem(key, JSON.stringify(all.slice(0, most)));
    } catch {
      none.textContent = "The browser has no room for it.";
      none.hidden = false;
      return;
    }
    show();
  }

  function button(text, label, run) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "quiet";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", run);
    return made;
  }

  function show() {
    const all = read();
    none.hidden = all.length > 0;
    place.replaceChildren(...all.map((kept, i) => {
      const item = document.createElement("li");
      const title = document.createElement("span");
      title.className = "mono";
      title.textContent = `${kept.method} ${kept.rest || ""} ${String(kept.body ?? "").replace(/\s+/g, " ")}`;
      title.title = String(kept.body ?? "");
      const load = button("Load", `Load request ${i + 1}`, () => {
        for (const name of fields) if (typeof kept[name] === "string") form.elements[name].value = kept[name];
        form.elements.body.focus();
      });
      const drop = button("Remove", `Remove request ${i + 1}`, () => write(read().filter((_, k) => k !== i)));
      item.append(title, load, drop);
      return item;
    }));
  }

  form.querySelector("[data-keep]")?.addEventListener("click", () => {
    const kept = Object.fromEntries(fields.map((name) => [name, form.elements[name].value]));
    kept.headers = kept.headers.split("\n").map((line) => line.replace(secret, "$1:")).join("\n");
    write([kept, ...read().filter((other) => fields.some((name) => other[name] !== kept[name]))]);
  });
  show();
}

tellTimes(document);
setInterval(() => tellTimes(document), 10000);
