// Does whoever looks want colours? A terminal, unless the person says otherwise: https://no-color.org

export const colourWanted = (): boolean => process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
