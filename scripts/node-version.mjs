// Imported first by every entry point. It uses nothing a very old Node lacks, so that the answer is a sentence
// and not a syntax error.
const wanted = 20;
if (Number(process.versions.node.split('.')[0]) < wanted) {
  console.error(
    `Xenorack needs Node ${wanted} or newer; this is Node ${process.versions.node}. Install it from https://nodejs.org and try again.`,
  );
  process.exit(1);
}
