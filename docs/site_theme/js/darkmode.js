// Light or dark as the machine is, in place of the theme's own script, which asks for a highlighter.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => {
  document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
};
dark.addEventListener("change", follow);
follow();
