/** Light or dark, and the language, as the person likes it: kept on the document's own element. */
import type { Preferences, Theme } from "./state/preferences.ts";
import { languageFor, speak } from "./words.ts";

export function appearance(preferences: Preferences): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const { theme, language } = preferences.all;
    const spoken = language || languageFor(navigator.languages);
    speak(spoken);
    document.documentElement.lang = spoken;
    document.documentElement.dataset.theme = resolved(theme, dark.matches);
  };
  show();
  preferences.onChange(show);
  dark.addEventListener("change", show);
}

export function resolved(theme: Theme, systemIsDark: boolean): "light" | "dark" {
  if (theme === "system") return systemIsDark ? "dark" : "light";
  return theme;
}
