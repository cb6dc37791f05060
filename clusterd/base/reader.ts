// `… | head` reads what it wants and goes, and so does a terminal whose connection is lost. What was begun goes on to its end.

export function letReaderGo(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => { if (error.code !== "EPIPE" && error.code !== "EIO") throw error; });
}
