"use strict";
const $ = (query) => document.querySelector(query);
const number = (value) => (value === undefined ? -1 : Number(value));

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < 4) {
    bytes /= 1024;
    unit += 1;
  }
  return (unit && bytes < 100 ? Math.floor(bytes * 10) / 10 : Math.floor(bytes)) + " " + units[unit];
}

function count(files) {
  return files === 1 ? "1 file" : files + " files";
}

// The list: its times in the reader's time zone, and sorted as the reader likes.

function localTime(seconds) {
  const date = new Date(seconds * 1000);
  const two = (part) => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

// Only what comes into view is converted: a list may be long.
const seen = new IntersectionObserver((groups) => {
  for (const { isIntersecting, target } of groups) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    for (const { cells } of target.rows) {
      if (cells[2].dataset.v) cells[2].firstChild.data = localTime(cells[2].dataset.v);
    }
  }
}, { rootMargin: "1000px" });

function watch() {
  for (const group of $("table").tBodies) seen.observe(group);
}

const collator = new Intl.Collator(undefined, { numeric: true });

function sort(column, isDown) {
  const table = $("table");
  const rows = Array.from(document.querySelectorAll("tbody tr"), (row) => {
    const name = row.cells[0].textContent;
    return { row, name, isFolder: name.endsWith("/"), value: column ? number(row.cells[column].dataset.v) : 0 };
  });
  const sign = isDown ? -1 : 1;
  rows.sort((a, b) => b.isFolder - a.isFolder || sign * (a.value - b.value || collator.compare(a.name, b.name)));
  const groups = [...table.tBodies];
  const inGroup = groups[0].rows.length;
  for (const group of groups) group.remove();
  rows.forEach(({ row }, index) => groups[Math.floor(index / inGroup)].append(row));
  table.append(...groups);
  watch();
  [...document.querySelectorAll("th")].forEach((head, index) => {
    if (index === column) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
}

function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, JSON.stringify(value));
    else localStorage.removeItem(key);
  } catch { /* Private windows may have no room: nothing is remembered. */ }
}

function recall(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function prepareList() {
  if (!$("table")) return;
  ["Name", "Size", "Changed"].forEach((title, column) => {
    const head = document.querySelectorAll("th")[column];
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    button.onclick = () => {
      // What is largest or newest is what people look for.
      const now = head.getAttribute("aria-sort");
      const isDown = now ? now === "ascending" : column > 0;
      sort(column, isDown);
      remember("sendall sort", [column, isDown]);
    };
    head.replaceChildren(button);
  });
  watch();
  const order = recall("sendall sort");
  if (order) sort(order[0], order[1]);
}

// Uploads.

function prepareUploads() {
  const AT_ONCE = 3;
  // Smaller files are sent without asking first what the server has.
  const SMALL_BYTES = 1 << 20;
  const MAX_TRIES = 8;
  const MAX_REMEMBERED = 2000;
  const MAX_DONE_ROWS = 10;
  const key = "sendall left " + document.body.dataset.path;

  // What is not finished, by its path: size and time of the file, and 1 if a part of it was sent. It outlives the page.
  const left = new Map(recall(key));
  // Those of them that an earlier page began, and nobody has chosen again.
  const old = new Set(left.keys());
  let jobs = new Map();
  let waiting = [];
  let active = new Set();
  let doneRows = [];
  let arrived = new Set();
  let emptyFolders = 0;
  // Folders that are being looked through, and what cannot be read in them.
  let walks = 0;
  let unread = [];
  let isDirty = false;
  let timer = 0;
  let ticks = 0;
  let speed = 0;
  let resumedBytes = 0;
  let lastBytes = 0;

  const all = $("#all");
  const say = (text, isBad) => {
    $("#said").textContent = text;
    $("#said").className = isBad ? "bad" : "";
  };
  const of = (...states) => [...jobs.values()].filter((job) => states.includes(job.state));

  function save() {
    if (isDirty) remember(key, left.size && [...left].slice(0, MAX_REMEMBERED));
    isDirty = false;
  }

  function showLeft() {
    const names = [...old].slice(0, 5);
    $("#left").hidden = !names.length;
    const what = old.size === 1 ? "1 upload is" : old.size + " uploads are";
    $("#left p").textContent = `${what} not finished. Choose or drop the same again, and only the rest is sent.`;
    $("#left ul").replaceChildren(...names.map((path) => {
      const item = document.createElement("li");
      const [bytes, , , percent] = left.get(path);
      item.textContent = `${path} (${size(bytes)}${percent ? `, ${percent}% is there` : ""})`;
      return item;
    }));
  }

  // Asks what the server has of those from earlier.
  async function checkLeft() {
    showLeft();
    for (const path of [...old].slice(0, 5)) {
      const record = left.get(path);
      const there = await ask(address(path));
      if (!there || !old.has(path)) continue;
      if (there.bytes === record[0]) {
        old.delete(path);
        left.delete(path);
        isDirty = true;
      } else {
        record[3] = Math.floor((100 * there.offset) / (record[0] || 1));
      }
    }
    save();
    showLeft();
  }

  function address(path) {
    return "./" + path.split("/").map(encodeURIComponent).join("/");
  }

  // What the server has of a name: the size of a file, or how much of one has arrived. Null if it does not answer.
  async function ask(url) {
    try {
      const answer = await fetch(url, { method: "HEAD", cache: "no-store" });
      const field = (name) => number(answer.headers.get(name) ?? undefined);
      // A file of this name that is listed is not the one that is uploaded, if uploads go elsewhere.
      return answer.ok && !$("#elsewhere")
        ? { bytes: field("Content-Length"), time: Date.parse(answer.headers.get("Last-Modified")), offset: 0 }
        : { bytes: -1, offset: Math.max(field("Upload-Offset"), 0), total: field("Upload-Length"), time: field("X-OC-Mtime") };
    } catch {
      return null;
    }
  }

  function add(path, file) {
    const before = jobs.get(path);
    if (before && ["wait", "send"].includes(before.state)) return;
    if (isIdle()) begin();
    const record = left.get(path);
    // A part of another file is not continued.
    const isKnown = Boolean(record && record[0] === file.size && record[1] === file.lastModified && record[2]);
    const job = { path, file, state: "wait", sent: 0, isKnown, row: before && before.row, text: "" };
    jobs.delete(path);
    jobs.set(path, job);
    left.set(path, [file.size, file.lastModified, Number(isKnown)]);
    if (old.delete(path)) showLeft();
    isDirty = true;
    waiting.push(job);
    next();
  }

  const isIdle = () => !active.size && !waiting.length && !walks;

  // A new round: what arrived before is no longer counted.
  function begin() {
    for (const job of of("done", "same")) {
      jobs.delete(job.path);
      job.row.remove();
    }
    doneRows = [];
    speed = 0;
    resumedBytes = 0;
    lastBytes = 0;
    say("");
  }

  function next() {
    while (active.size < AT_ONCE && waiting.length) {
      const job = waiting.shift();
      if (job.state !== "wait") continue;
      active.add(job);
      job.state = "send";
      show(job);
      run(job).then(() => {
        active.delete(job);
        if (jobs.get(job.path) === job) show(job);
        if (isIdle()) finish();
        else next();
      });
    }
    if (timer || !active.size) return;
    timer = setInterval(tick, 250);
    showAll();
  }

  async function run(job) {
    try {
      job.url = address(job.path);
    } catch {
      return end(job, "fail", "A name like this cannot be sent");
    }
    for (let tries = 0; job.state === "send"; tries += 1) {
      const before = job.sent;
      const status = await attempt(job);
      if (job.state !== "send") return;
      // 416: meanwhile more has arrived of what was sent before.
      if (![0, 408, 416, 429, 502, 503, 504].includes(status)) return conclude(job, status);
      if (status === 0 && !(await isReadable(job.file))) {
        return end(job, "fail", "It cannot be read: it was changed, moved or removed");
      }
      if (job.sent > before) tries = 0;
      if (tries >= MAX_TRIES) return end(job, "fail", "The connection was lost");
      job.text = status === 416 ? "Asking how much is there" : (status ? "The server is busy" : "The connection was lost") + ", trying again";
      await pause(job, Math.min(1000 * 2 ** tries, 15000));
      job.text = "";
    }
  }

  // Sends a file, or the rest of it. Returns the status of the answer, 0 if there is none.
  async function attempt(job) {
    const { file } = job;
    let from = 0;
    if (job.isKnown || file.size > SMALL_BYTES) {
      const there = await ask(job.url);
      if (!there) return 0;
      if (there.bytes >= 0 && there.bytes !== file.size) return 409;
      // It was finished just before the page or the connection was lost.
      if (job.isKnown && there.bytes === file.size && there.time === 1000 * seconds(file)) return 201;
      // What the server has is a part of this file if this page has sent it, or if size and time are the same.
      const isPart = job.isKnown || (there.total === file.size && there.time === seconds(file));
      if (isPart && there.offset < file.size) from = there.offset;
    }
    if (job.state !== "send") return 0;
    resumedBytes += from;
    return new Promise((answer) => {
      const request = new XMLHttpRequest();
      job.stop = () => request.abort();
      request.open("PUT", job.url);
      request.setRequestHeader("X-OC-Mtime", seconds(file));
      if (from) request.setRequestHeader("Content-Range", `bytes ${from}-${file.size - 1}/${file.size}`);
      job.sent = from;
      request.upload.onprogress = (event) => {
        job.sent = from + event.loaded;
        if (job.isKnown || !event.loaded) return;
        job.isKnown = true;
        (left.get(job.path) || [])[2] = 1;
        isDirty = true;
      };
      // A name that another client is writing to just now is free later.
      request.onloadend = () => answer(request.status === 409 && request.getResponseHeader("Retry-After") ? 503 : request.status);
      request.send(from ? file.slice(from) : file);
    });
  }

  function seconds(file) {
    return Math.floor(file.lastModified / 1000);
  }

  function pause(job, milliseconds) {
    return new Promise((wake) => {
      setTimeout(wake, milliseconds);
      addEventListener("online", wake, { once: true });
      job.stop = wake;
    });
  }

  async function isReadable(file) {
    try {
      await file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  const REASONS = {
    400: "The server does not accept this name",
    401: "You are not signed in: load the page again",
    403: "The server does not take this file",
    404: "The server has no such folder",
    405: "The server takes no files here",
    409: "Another file with this name is there: nothing was changed",
    412: "A file with this name was changed meanwhile: nothing was changed",
    413: "It is larger than the server accepts",
    414: "Its name is too long",
    422: "It did not arrive as it was sent: nothing was stored",
    507: "The server's disk is full",
  };

  function conclude(job, status) {
    if (status === 201) end(job, "done", "Arrived");
    else if (status === 200 || status === 204) end(job, "same", "Was there already");
    else end(job, "fail", REASONS[status] || `The server answered ${status}`);
    // What cannot become whole later is not remembered.
    if (job.state === "fail" && status !== 401 && status !== 507) left.delete(job.path);
  }

  function end(job, state, text) {
    job.state = state;
    job.text = text;
    if (state === "done" || state === "same") {
      job.sent = job.file.size;
      arrived.add(job.path.split("/")[0]);
      left.delete(job.path);
    } else if (state === "fail") {
      job.sent = 0;
    }
    isDirty = true;
  }

  function stopJob(job) {
    end(job, "stop", "Stopped");
    if (job.stop) job.stop();
    show(job);
  }

  function tick() {
    for (const job of active) show(job);
    showAll();
    if (ticks % 8 === 0) save();
    ticks += 1;
  }

  function show(job) {
    if (!job.row) {
      job.row = document.createElement("li");
      const name = document.createElement("span");
      name.append(job.path, document.createElement("small"));
      const bar = document.createElement("progress");
      bar.max = 1;
      bar.setAttribute("aria-label", job.path);
      const button = document.createElement("button");
      button.type = "button";
      job.row.append(name, button, bar);
      $("#jobs").prepend(job.row);
    }
    const { row, state, file } = job;
    const [name, button, bar] = row.children;
    const isActive = state === "send";
    const isBad = state === "fail" || state === "stop";
    row.className = state === "fail" ? "bad" : isActive || isBad ? "" : "done";
    const amount = job.sent < file.size ? `${size(job.sent)} of ${size(file.size)}` : "Saving";
    name.lastChild.textContent = job.text || (state === "wait" ? "Waiting" : amount);
    bar.hidden = !isActive;
    bar.value = file.size ? job.sent / file.size : 1;
    button.hidden = !isActive && !isBad;
    button.textContent = isActive ? "Stop" : "Try again";
    button.setAttribute("aria-label", `${button.textContent}: ${job.path}`);
    button.onclick = () => (isActive ? stopJob(job) : add(job.path, file));
    if (!isActive && !isBad && state !== "wait") {
      doneRows.push(row);
      if (doneRows.length > MAX_DONE_ROWS) doneRows.shift().remove();
    }
  }

  function showAll() {
    let total = 0;
    let sent = 0;
    let done = 0;
    for (const job of jobs.values()) {
      total += job.file.size;
      sent += job.sent;
      done += job.state === "done" || job.state === "same";
    }
    const isBusy = active.size > 0;
    const again = of("fail", "stop").length;
    all.hidden = !isBusy && !again;
    const button = all.querySelector("button");
    button.textContent = isBusy ? "Stop all" : "Try all again";
    const moved = Math.max(sent - resumedBytes - lastBytes, 0);
    speed += (4 * moved - speed) / (speed ? 12 : 1);
    lastBytes = sent - resumedBytes;
    const parts = [`${done} of ${count(jobs.size)}`, `${size(sent)} of ${size(total)}`];
    if (isBusy && speed > 1) parts.push(`${size(speed)}/s`, `${duration((total - sent) / speed)} left`);
    all.querySelector("p").textContent = parts.join(" · ");
    const bar = all.querySelector("progress");
    bar.hidden = !isBusy;
    bar.value = total ? sent / total : 0;
    document.title = (isBusy ? `${Math.floor((100 * sent) / (total || 1))}% ` : "") + title;
  }

  const title = document.title;

  function duration(seconds) {
    if (seconds < 60) return Math.ceil(seconds) + " s";
    if (seconds < 5400) return Math.round(seconds / 60) + " min";
    return Math.round(seconds / 3600) + " h";
  }

  function finish() {
    clearInterval(timer);
    timer = ticks = 0;
    save();
    showAll();
    const bad = of("fail", "stop").length;
    const good = of("done", "same").length;
    const parts = [];
    if (bad) parts.push(`${good} of ${count(jobs.size)} arrived. ${bad === 1 ? "One" : bad} did not: see below.`);
    else if (good) parts.push(good === 1 ? "The file has arrived." : `${unread.length ? "" : "All "}${good} files have arrived.`);
    if (unread.length) parts.push(`Not sent, because the browser cannot read it: ${unread.slice(0, 5).join(", ")}${unread.length > 5 ? " and more" : ""}.`);
    if (emptyFolders) parts.push("Empty folders were not sent.");
    say(parts.join(" "), bad || unread.length);
    emptyFolders = 0;
    unread = [];
    if (arrived.size) refresh();
  }

  // Loads the list again, and marks what is new in it.
  async function refresh() {
    const names = arrived;
    arrived = new Set();
    try {
      const answer = await fetch("./", { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of ["header", "main"]) $(part).replaceWith(page.querySelector(part));
    } catch {
      return;
    }
    prepareList();
    for (const row of document.querySelectorAll("tbody tr")) {
      if (names.has(row.cells[0].textContent.replace(/\/$/, ""))) row.className = "new";
    }
  }

  async function walk(entry, folder) {
    const path = folder + entry.name;
    try {
      if (entry instanceof File) return add(path, entry);
      if (entry.isFile) return add(path, await new Promise((found, failed) => entry.file(found, failed)));
      const reader = entry.createReader();
      for (let isFirst = true; ; isFirst = false) {
        const entries = await new Promise((found, failed) => reader.readEntries(found, failed));
        if (isFirst && !entries.length) emptyFolders += 1;
        if (!entries.length) return;
        for (const inner of entries) await walk(inner, path + "/");
      }
    } catch {
      // Of a name that is not text the browser gives nothing.
      unread.push(entry.name ? path : path + "?");
    }
  }

  async function take(data) {
    // All entries are asked for at once: the data of a drop is gone after the event.
    const entries = [...data.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry() || item.getAsFile());
    if (isIdle()) begin();
    walks += 1;
    for (const entry of entries) if (entry) await walk(entry, "");
    walks -= 1;
    if (isIdle()) finish();
  }

  function choose(isFolder) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = isFolder;
    input.onchange = () => [...input.files].forEach((file) => add(file.webkitRelativePath || file.name, file));
    input.click();
  }

  const hasFiles = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  const mark = (isOver) => document.body.classList.toggle("over", isOver);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || mark(false));
  addEventListener("drop", (event) => {
    mark(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer);
  });
  addEventListener("beforeunload", (event) => active.size && event.preventDefault());
  addEventListener("pagehide", save);
  $("#files").onclick = () => choose(false);
  $("#folder").onclick = () => choose(true);
  $("#folder").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  $("#left button").onclick = () => {
    for (const path of old) left.delete(path);
    old.clear();
    isDirty = true;
    save();
    showLeft();
  };
  all.querySelector("button").onclick = () => {
    if (!active.size) return of("fail", "stop").forEach((job) => add(job.path, job.file));
    for (const job of waiting.splice(0)) end(job, "stop", "Stopped");
    for (const job of active) stopJob(job);
  };
  $("#up form").hidden = true;
  $("#drop").hidden = false;
  $("details").hidden = false;
  $("code").textContent = `curl -f -T FILE '${new URL("./", location).href.replace(/'/g, "%27")}'`;
  checkLeft();
}

prepareList();
if ($("#up")) prepareUploads();
