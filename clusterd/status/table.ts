// Columns and colours for pages on a terminal. Pure.

import { stripVTControlCharacters, styleText } from "node:util";

export type Paint = (style: "bold" | "red" | "green" | "yellow" | "dim", text: string) => string;

export const painter = (colour: boolean): Paint => (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);

/** The first row is the head. */
export function table(rows: readonly (readonly string[])[], paint: Paint): string {
  const width = (text: string): number => stripVTControlCharacters(text).length;
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ""))));
  const lines = rows.map((row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - width(cell)))).join("  "));
  return lines.map((line, index) => (index === 0 ? paint("dim", line) : line)).join("\n");
}
