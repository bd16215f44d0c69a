"""Drives headless Chromium by the lines of stdin: browser.py PROFILE

    goto URL          loads a page, and waits for it
    scripts on|off    of the pages that are loaded from now on
    size WIDTH        the width of the window in pixels
    drop PATH|PATH    drops files and folders on the page
    choose PATH|PATH  chooses files in the form of the page
    press KEY         Tab, Enter
    submit SELECTOR   presses Enter on a button, and waits for the page that comes
    until EXPRESSION  waits until this is true in the page
    eval EXPRESSION   prints its value
    html              prints the page as it is now
    faults            prints what went wrong in the page so far: exceptions, and violations of its policy
    kill              kills the browser, and starts it again with the same profile

Each value is printed as a line of JSON. The exit code is 1 if a line cannot be done within 20 s."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time

LIMIT_SECONDS = 20
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-extensions",
           "--disable-sync", "--remote-debugging-pipe", "about:blank"]
KEYS = {"Tab": 9, "Enter": 13}


class Browser:
    """A browser and its only page (https://chromedevtools.github.io/devtools-protocol/, over pipes)."""

    def __init__(self, profile):
        # The browser reads from descriptor 3 and writes to 4.
        pipes = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in os.pipe() + os.pipe()]
        commands, self.output, self.input, answers = pipes

        def place():
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self.process = subprocess.Popen(
            ["chromium", "--user-data-dir=" + profile, *OPTIONS], preexec_fn=place, pass_fds=(3, 4),
            start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(answers)
        self.session = None
        self.received = b""
        self.last_id = 0
        self.events = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log"]:
            self.call(domain + ".enable")

    def next(self, deadline):
        """Returns the next message."""
        while b"\0" not in self.received:
            if not select.select([self.input], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.input, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.received += more
        message, self.received = self.received.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            answer = self.next(deadline)
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.see(answer)

    def see(self, event):
        if "method" not in event:
            return
        self.events.append(event)
        if event["method"] == "Page.javascriptDialogOpening":
            # The page asks whether it may be left. Nobody waits for the answer.
            message = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
            os.write(self.output, json.dumps(message | {"sessionId": self.session}).encode() + b"\0")

    def load(self, begin):
        self.events = [event for event in self.events if event["method"] != "Page.loadEventFired"]
        begin()
        deadline = time.monotonic() + LIMIT_SECONDS
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.see(self.next(deadline))

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, expression):
        deadline = time.monotonic() + LIMIT_SECONDS
        while not self.is_true(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never: {expression}; the page: {self.evaluate('document.body.innerText')}")
            time.sleep(0.02)

    def is_true(self, expression):
        """What is looked for may not be in the page yet: an exception is not true."""
        result = self.call("Runtime.evaluate", expression=f"Boolean({expression})", returnByValue=True)
        return result["result"].get("value") is True

    def drop(self, paths):
        data = {"items": [], "files": paths, "dragOperationsMask": 1}
        for kind in ["dragEnter", "dragOver", "drop"]:
            self.call("Input.dispatchDragEvent", type=kind, x=100, y=150, data=data)

    def node(self, selector):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        return self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]

    def submit(self, selector):
        self.call("DOM.focus", nodeId=self.node(selector))
        self.load(lambda: self.press("Enter"))

    def press(self, key):
        key = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **key, **({"text": "\r"} if key["key"] == "Enter" else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def html(self):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        return self.call("DOM.getOuterHTML", nodeId=root)["outerHTML"]

    def faults(self):
        faults = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                faults.append(str(params["exceptionDetails"]))
            # Answers such as 404 are entries, too.
            elif event["method"] == "Log.entryAdded" and params["entry"]["source"] != "network":
                faults.append(params["entry"]["text"])
        return faults

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.input)
        os.close(self.output)


def run(browser, verb, rest):
    """Does what a line says, and returns the value to be printed."""
    if verb == "goto":
        browser.load(lambda: browser.call("Page.navigate", url=rest))
    elif verb == "scripts":
        browser.call("Emulation.setScriptExecutionDisabled", value=rest == "off")
    elif verb == "size":
        browser.call("Emulation.setDeviceMetricsOverride", width=int(rest), height=800, deviceScaleFactor=1, mobile=False)
    elif verb == "drop":
        browser.drop(rest.split("|"))
    elif verb == "choose":
        browser.call("DOM.setFileInputFiles", nodeId=browser.node("input[type=file]"), files=rest.split("|"))
    elif verb == "press":
        browser.press(rest)
    elif verb == "submit":
        browser.submit(rest)
    elif verb == "until":
        browser.until(rest)
    elif verb == "eval":
        return [browser.evaluate(rest)]
    elif verb == "html":
        return [browser.html()]
    elif verb == "faults":
        return [browser.faults()]
    else:
        raise ValueError(f"what is {verb}?")
    return []


def main():
    profile = sys.argv[1]
    browser = Browser(profile)
    try:
        for line in sys.stdin:
            verb, _, rest = line.rstrip("\n").partition(" ")
            if verb == "kill":
                browser.kill()
                browser = Browser(profile)
                continue
            for value in run(browser, verb, rest):
                print(json.dumps(value), flush=True)
    except (RuntimeError, TimeoutError, EOFError, OSError) as fault:
        sys.exit(f"browser.py: {fault}")
    finally:
        browser.kill()


main()
