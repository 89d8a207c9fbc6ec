"use strict";
// Copying works without network and without a secure context; folding opens what is linked to or printed.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    let done = true;
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "copied" : "selected: press Ctrl+C";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  });
}
function unfold() {
  const aim = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  if (aim instanceof HTMLDetailsElement) { aim.open = true; aim.scrollIntoView(); }
}
addEventListener("hashchange", unfold);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) { details.open = true; }
});
unfold();
