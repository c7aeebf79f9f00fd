/** What the page says, in the language of whoever looks at it. */
import { DE } from "./words/de.ts";
import { EN, type Word } from "./words/en.ts";

export type { Word };
export type Language = "en" | "de";

export const LANGUAGES: Record<Language, Record<Word, string>> = { en: EN, de: DE };

let language: Language = "en";

/** The first of what a browser prefers that is spoken here. */
export function languageFor(preferred: readonly string[]): Language {
  const spoken = preferred.map((tag) => tag.toLowerCase().split("-")[0]);
  return (spoken.find((one) => one !== undefined && one in LANGUAGES) as Language | undefined) ?? "en";
}

export function speak(wanted: Language): void {
  language = wanted;
}

export function spoken(): Language {
  return language;
}

export function t(word: Word, values: Record<string, string | number> = {}): string {
  return LANGUAGES[language][word].replace(/\{(\w+)\}/g, (blank, name: string) => String(values[name] ?? blank));
}
