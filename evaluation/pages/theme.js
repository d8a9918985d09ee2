// Light and dark: the system's choice until the button is pressed.
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";
const nameTheme = () => {
  const other = isDark() ? "light" : "dark";
  find("theme").textContent = `◐ ${other}`;
  find("theme").setAttribute("aria-label", `Switch to ${other} colours`);
};
find("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
systemDark.addEventListener("change", nameTheme);

nameTheme();
