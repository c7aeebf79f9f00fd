import { afterEach, expect, test } from "vitest";
import { deviceProblem, goodbye, refusal, silenced } from "../src/state/errors.ts";
import { LANGUAGES, languageFor, speak, t, type Word } from "../src/words.ts";

afterEach(() => speak("en"));

const WORDS = Object.keys(LANGUAGES.en) as Word[];
const blanksOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("every language says everything, with the same blanks to fill in", () => {
  for (const [language, words] of Object.entries(LANGUAGES)) {
    expect(Object.keys(words), language).toEqual(WORDS);
    for (const word of WORDS) {
      expect(words[word].trim(), `${language} ${word}`).not.toBe("");
      expect(blanksOf(words[word]), `${language} ${word}`).toEqual(blanksOf(LANGUAGES.en[word]));
    }
  }
});

test("the languages differ", () => {
  const same = WORDS.filter((word) => LANGUAGES.en[word] === LANGUAGES.de[word] && LANGUAGES.en[word].replace(/\{\w+\}/g, "").length > 14);
  expect(same).toEqual([]);
});

test("the first language that is spoken here is taken, and English where none is", () => {
  expect(languageFor(["fr-CH", "de-AT", "en"])).toBe("de");
  expect(languageFor(["EN-us"])).toBe("en");
  expect(languageFor(["fr"])).toBe("en");
  expect(languageFor([])).toBe("en");
});

test("blanks are filled in, and one without a value stays visible", () => {
  expect(t("joined", { name: "Ada" })).toBe("Ada joined");
  speak("de");
  expect(t("joined", { name: "Ada" })).toBe("Ada ist gekommen");
  expect(t("joined")).toContain("{name}");
});

test("a device that cannot be had is named with the way out", () => {
  const problem = (name: string) => deviceProblem(["microphone", "camera"], Object.assign(new Error(), { name }));
  expect(problem("NotAllowedError").text).toContain("microphone and camera");
  expect(problem("NotFoundError").text).toContain("microphone or camera");
  expect(problem("NotReadableError").text).toContain("Another program");
  expect(problem("InsecureContext").text).toContain("https://");
  expect(problem("OverconstrainedError").text).toContain("Check and try again");
  expect(problem("NotAllowedError").action?.does).toBe("retry-devices");
});

test("every refusal is a sentence, known or not", () => {
  expect(refusal({ code: "room-full", message: "x" })).toBe(t("room-full"));
  expect(refusal({ code: "token-revoked", message: "x" })).toBe(t("removed"));
  for (const code of ["not-encrypted", "e2ee-unsupported", "e2ee-insecure", "bad-name", "bad-room-id"] as const) {
    speak("de");
    expect(refusal({ code, message: "x" })).toBe(LANGUAGES.de[code]);
    speak("en");
    expect(refusal({ code, message: "x" })).toBe(LANGUAGES.en[code]);
  }
  expect(refusal({ code: "brand-new", message: "no" })).toBe("The server refused: no");
  expect(silenced("screen-audio").text).toContain("screen");
  expect(goodbye(5).text).toContain("5 seconds");
  expect(goodbye(0).urgent).toBe(true);
});
