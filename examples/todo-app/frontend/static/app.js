// The page: talks to /api, hears of changes by /events, and draws what the server says.
"use strict";

const $ = (id) => document.getElementById(id);
const PAGE = 100;
const state = { status: "open", limit: PAGE, registering: false, stream: null, retry: 0, timer: 0, drawn: "" };

class ApiError extends Error {
  constructor(message, status) { super(message); this.status = status; }
}

async function api(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new ApiError("The server can’t be reached. Check your connection and try again.", 0);
  }
  tellOfNewVersion(response.headers.get("x-app-version"));
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(sentence(answer?.detail) || `The server answers ${response.status}.`, response.status);
  return answer;
}

const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".") : "");

// Runs what a person asked for; says what went wrong, and where to log in again when the session is over.
async function attempt(action, button) {
  say("");
  if (button) button.disabled = true;
  try {
    await action();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401 && !$("desk").hidden) leave("Your session has ended. Please log in again.");
    else say(error.message);
  } finally {
    if (button) button.disabled = false;
  }
}

function say(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function toast(text, seconds = 8) {
  const line = document.createElement("div");
  line.className = "toast";
  line.textContent = text;
  $("toasts").append(line);
  setTimeout(() => line.remove(), seconds * 1000);
}

function tellOfNewVersion(version) {
  const mine = $("version").textContent;
  if (version && version !== mine && state.notified !== version) {
    state.notified = version;
    toast(`Version ${version} is here. Reload the page to use it.`, 20);
  }
}

// --- coming and going ---

function enter(user) {
  $("who").textContent = user.username;
  $("account").hidden = $("desk").hidden = false;
  $("entrance").hidden = true;
  listen();
  attempt(refresh);
  $("add").elements.title.focus();
}

function leave(message = "") {
  hush();
  state.drawn = "";
  $("tasks").replaceChildren();
  $("account").hidden = $("desk").hidden = true;
  $("entrance").hidden = false;
  say(message);
  $("credentials").elements.username.focus();
}

$("switch").addEventListener("click", () => {
  state.registering = !state.registering;
  const now = state.registering;
  $("entrance-title").textContent = $("enter").textContent = now ? "Make an account" : "Log in";
  $("switch-text").textContent = now ? "You have one?" : "New here?";
  $("switch").textContent = now ? "Log in" : "Make an account";
  $("credentials").elements.password.autocomplete = now ? "new-password" : "current-password";
  say("");
});

$("credentials").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(async () => {
    const path = state.registering ? "/api/auth/register" : "/api/auth/login";
    const session = await api("POST", path, Object.fromEntries(new FormData(form)));
    form.reset();
    enter(session.user);
  }, $("enter"));
});

$("logout").addEventListener("click", () => attempt(async () => {
  await api("POST", "/api/auth/logout");
  leave();
}));

// --- tasks ---

async function refresh() {
  const { tasks, more } = await api("GET", `/api/tasks?status=${state.status}&limit=${state.limit}`);
  const drawing = JSON.stringify(tasks) + more;
  if (drawing === state.drawn) return;
  state.drawn = drawing;
  const focused = document.activeElement?.dataset?.focus;
  $("tasks").replaceChildren(...tasks.map(drawTask));
  if (focused) document.querySelector(`[data-focus="${focused}"]`)?.focus();
  $("more").hidden = !more;
  $("empty").hidden = tasks.length > 0;
  $("empty").textContent = state.status === "open" ? "Nothing to do. Add a task above." : "Nothing done yet.";
}

function drawTask(task) {
  const item = $("task").content.cloneNode(true).firstElementChild;
  const done = Boolean(task.completed_at);
  const tick = item.querySelector(".tick");
  const remove = item.querySelector(".delete");
  item.classList.toggle("done", done);
  item.querySelector(".title").textContent = task.title;
  item.querySelector(".facts").replaceChildren(...facts(task, done));
  tick.checked = done;
  tick.dataset.focus = `tick-${task.id}`;
  tick.setAttribute("aria-label", `${done ? "Reopen" : "Complete"}: ${task.title}`);
  tick.addEventListener("change", () => attempt(async () => {
    try {
      await api("POST", `/api/tasks/${task.id}/${tick.checked ? "complete" : "reopen"}`);
    } catch (error) {
      tick.checked = done;
      throw error;
    }
    await refresh();
  }, tick));
  remove.dataset.focus = `delete-${task.id}`;
  remove.setAttribute("aria-label", `Delete: ${task.title}`);
  remove.addEventListener("click", () => attempt(async () => {
    await api("DELETE", `/api/tasks/${task.id}`);
    await refresh();
  }, remove));
  return item;
}

function facts(task, done) {
  const list = [];
  const fact = (text, name = "") => {
    const span = document.createElement("span");
    span.textContent = text;
    span.className = name;
    list.push(span);
  };
  if (task.due) {
    const late = !done && task.due < today();
    fact(`${late ? "Overdue since" : "Due"} ${dayOf(task.due)}`, late ? "late" : "");
  }
  if (task.recurrence !== "none") fact(`Repeats ${task.recurrence}`);
  if (task.remind_at && !done) fact(`Reminder ${new Date(task.remind_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`);
  if (done) fact(`Done ${new Date(task.completed_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`);
  return list;
}

const dayOf = (due) => (due === today() ? "today" : new Date(`${due}T00:00`).toLocaleDateString([], { dateStyle: "medium" }));

function today() {
  const now = new Date();
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
}

$("add").elements.recurrence.addEventListener("change", (event) => {
  const due = $("add").elements.due;
  due.required = event.target.value !== "none";
  if (due.required && !due.value) due.value = today();
});

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const { title, due, recurrence, remind_at } = Object.fromEntries(new FormData(form));
  attempt(async () => {
    await api("POST", "/api/tasks", {
      title,
      recurrence,
      due: due || null,
      remind_at: remind_at ? new Date(remind_at).toISOString() : null,
    });
    form.reset();
    form.elements.due.required = false;
    form.elements.title.focus();
    await refresh();
  }, event.submitter);
});

for (const status of ["open", "done"]) {
  $(`show-${status}`).addEventListener("click", () => {
    Object.assign(state, { status, limit: PAGE });
    $("show-open").setAttribute("aria-pressed", status === "open");
    $("show-done").setAttribute("aria-pressed", status === "done");
    attempt(refresh);
  });
}

$("more").addEventListener("click", () => {
  state.limit = Math.min(state.limit + PAGE, 1000);
  attempt(refresh);
});

// --- live updates ---

function listen() {
  hush();
  const stream = new EventSource("/events");
  state.stream = stream;
  stream.addEventListener("hello", () => {
    state.retry = 0;
    live(true);
    soon();
  });
  for (const kind of ["created", "updated", "completed", "deleted"]) stream.addEventListener(`task.${kind}`, soon);
  stream.addEventListener("reminder.due", (event) => toast(`Reminder: ${JSON.parse(event.data).task.title}`, 15));
  stream.addEventListener("error", () => {
    live(false);
    if (stream.readyState !== EventSource.CLOSED || stream !== state.stream) return; // it connects again by itself
    state.retry = Math.min(state.retry + 1, 5);
    state.timer = setTimeout(reconnect, 500 * 2 ** state.retry * (0.75 + Math.random() / 2));
  });
}

// An EventSource gives up at the first answer that is not a stream; /api/me tells a session that ended from trouble.
async function reconnect() {
  try {
    await api("GET", "/api/me");
  } catch (error) {
    if (error.status === 401) return leave("Your session has ended. Please log in again.");
  }
  listen();
}

function hush() {
  clearTimeout(state.timer);
  state.stream?.close();
  state.stream = null;
}

function live(on) {
  $("live").textContent = on ? "Live" : "Reconnecting…";
  $("live").classList.toggle("on", on);
}

// Several events at once lead to one reading of the list.
function soon() {
  clearTimeout(state.soon);
  state.soon = setTimeout(() => state.stream && refresh().catch(() => {}), 120);
}

document.addEventListener("visibilitychange", () => !document.hidden && state.stream && soon());

api("GET", "/api/me").then(({ user }) => enter(user), (error) => leave(error.status === 401 ? "" : error.message));
