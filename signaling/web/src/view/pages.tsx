/** Which page of people is open, and the way to the others; nothing where all are on one. */
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { Icon } from "./icon.tsx";

export function Pages({ class: extra = "" }: { class?: string }) {
  const { stage } = useApp();
  useChanges(stage);
  const { page, pages } = stage;
  if (pages < 2) return null;
  return (
    <nav class={`pages ${extra}`} aria-label={t("pages")}>
      <button type="button" class="quiet square" disabled={page === 0} aria-label={t("page.previous")} title={t("page.previous")} onClick={() => stage.turn(-1)}>
        <Icon name="previous" />
      </button>
      <span role="status">
        <span class="visually-hidden">{t("page", { page: page + 1, pages })}</span>
        <span aria-hidden="true">{`${page + 1} / ${pages}`}</span>
      </span>
      <button type="button" class="quiet square" disabled={page === pages - 1} aria-label={t("page.next")} title={t("page.next")} onClick={() => stage.turn(1)}>
        <Icon name="next" />
      </button>
    </nav>
  );
}
