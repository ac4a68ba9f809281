export interface Command {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
}

const shownMax = 12;

/** The commands that contain every typed word, those whose title starts with the text first; otherwise in their order. */
export function rankCommands<T extends Command>(commands: readonly T[], text: string): T[] {
  const typed = text.trim().toLowerCase();
  const words = typed.split(/\s+/).filter(Boolean);
  const found = commands.filter((command) => {
    const title = `${command.title} ${command.kind}`.toLowerCase();
    return words.every((word) => title.includes(word));
  });
  const starts = (command: T) => (command.title.toLowerCase().startsWith(typed) ? 0 : 1);
  return found.toSorted((a, b) => starts(a) - starts(b)).slice(0, shownMax);
}
