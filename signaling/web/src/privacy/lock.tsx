/** Over the tile of somebody whose sound and picture cannot be opened. */
import { useApp } from "../view/app.ts";
import { Icon } from "../view/icon.tsx";
import { t } from "../words.ts";
import { usePrivacy } from "./use-privacy.ts";

export function Lock({ participantId }: { participantId: string }) {
  const { room } = useApp();
  const { encrypted, locked } = usePrivacy(room);
  const seats = room.seats.filter((seat) => seat.participantId === participantId);
  if (!encrypted || !(locked || seats.some(({ id }) => room.isLocked(id)))) return null;
  return (
    <div class="locked-tile" role="img" aria-label={t("e2ee.tile")}>
      <Icon name="lock" />
    </div>
  );
}
