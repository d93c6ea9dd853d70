import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { copyText } from "./clipboard";
import { handleKey, offered, useCommandRegistry } from "./commands";
import { JsonView } from "./JsonView";

describe("JSON", () => {
  const shown = (text: string) => {
    cleanup();
    render(<JsonView text={text} label="it" />);
    // Strings stand in curly quotes in the tree; a text that could not be read stands as it is.
    return screen.queryByRole("button", { name: /[[{]/ }) ? [...document.querySelectorAll("li")].map((li) => li.textContent) : undefined;
  };

  test("ordinary numbers with many digits are numbers", () => {
    expect(shown('{"score":0.30000000000000004,"third":0.3333333333333333,"small":1e-7}')).toEqual([
      "score 0.30000000000000004",
      "third 0.3333333333333333",
      "small 1e-7",
    ]);
  });

  test("a number that a double would change is shown as it was sent", () => {
    expect(shown("[9007199254740993,-1795000000123456789,0.1000000000000000055,1e400,1.50,12345678901234567890e-2]")).toEqual([
      "0 9007199254740993",
      "1 -1795000000123456789",
      "2 0.1000000000000000055",
      "3 1e400",
      "4 1.5",
      "5 12345678901234567890e-2",
    ]);
  });

  test("digits inside of strings and keys are left alone", () => {
    expect(shown('{"id 9007199254740993":"a \\"9007199254740993\\" 0.1000000000000000055"}')).toEqual([
      'id 9007199254740993 “a "9007199254740993" 0.1000000000000000055”',
    ]);
  });

  test("what is no JSON is shown as it stands", () => expect(shown('{"cut off": 9007199254740993')).toBeUndefined());
});

describe("keys", () => {
  const run = vi.fn<() => void>();
  const commands = ["j", "ArrowDown", "ArrowLeft", "End", "Enter"].map((key) => ({ id: key, title: key, group: "x", keys: [key], run }));
  beforeEach(() => {
    run.mockClear();
    useCommandRegistry.setState({ commands });
    globalThis.addEventListener("keydown", handleKey);
  });
  afterEach(() => globalThis.removeEventListener("keydown", handleKey));
  const press = (el: Element, key: string) => {
    run.mockClear();
    fireEvent.keyDown(el, { key });
    return run.mock.calls.length === 1;
  };

  test("a ticked box leaves the keys of the page alive, a text field does not", () => {
    render(
      <>
        <input type="checkbox" />
        <input />
      </>,
    );
    expect(press(screen.getByRole("checkbox"), "j")).toBe(true);
    expect(press(screen.getByRole("checkbox"), "Enter")).toBe(false);
    expect(press(screen.getByRole("textbox"), "j")).toBe(false);
  });

  test("a pane that scrolls keeps the keys that scroll it, the list of the view does not", () => {
    render(
      <>
        <div data-testid="pane" style={{ overflowY: "auto" }}>
          <p data-testid="text">long</p>
        </div>
        <div role="grid" style={{ overflowY: "auto" }}>
          <div role="row" />
        </div>
      </>,
    );
    for (const el of [screen.getByTestId("pane"), screen.getByRole("grid")]) Object.defineProperty(el, "scrollHeight", { value: 900 });
    for (const key of ["ArrowDown", "End"]) {
      expect(press(screen.getByTestId("text"), key)).toBe(false);
      expect(press(screen.getByRole("row"), key)).toBe(true);
      expect(press(document.body, key)).toBe(true);
    }
    expect(press(screen.getByTestId("text"), "j")).toBe(true);
    // It does not scroll sideways, so that this key is free.
    expect(press(screen.getByTestId("text"), "ArrowLeft")).toBe(true);
  });
});

test("a command is offered once, with the keys that run it", () => {
  const run = () => undefined;
  const shell = [
    { id: "reload", title: "Ask again", group: "General", keys: ["r"], run },
    { id: "theme", title: "Theme", group: "General", keys: ["T"], run },
  ];
  const view = [
    { id: "reload", title: "Ask again, from now", group: "General", keys: ["r"], run },
    { id: "top", title: "To the top", group: "Traces", keys: ["g", "T"], run },
  ];
  expect(offered([...shell, ...view]).map((c) => `${c.title}: ${c.keys.join(" ")}`)).toEqual(["To the top: g T", "Ask again, from now: r", "Theme: "]);
});

describe("copying", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("goes to the clipboard where there is one", async () => {
    const writeText = vi.fn<(text: string) => Promise<void>>().mockResolvedValue(undefined);
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    expect(await copyText("words")).toBe(true);
    expect(writeText).toHaveBeenCalledWith("words");
  });

  test("copies a selection over plain HTTP, and gives the focus back", async () => {
    render(<button type="button">Copy</button>);
    const button = screen.getByRole("button");
    button.focus();
    vi.stubGlobal("navigator", {});
    let copied = "";
    document.execCommand = () => {
      const field = document.activeElement as HTMLTextAreaElement;
      copied = field.value.slice(field.selectionStart, field.selectionEnd);
      return true;
    };
    expect(await copyText("two\nlines")).toBe(true);
    expect(copied).toBe("two\nlines");
    expect(document.activeElement).toBe(button);
    expect(document.querySelector("textarea")).toBeNull();
    document.execCommand = () => false;
    expect(await copyText("x")).toBe(false);
  });
});
