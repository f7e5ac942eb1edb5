"use strict";
// The page works without this: a tile is a link to its details. This adds a search, the arrow keys, and details that do not scroll the page.
(() => {
  const panel = document.getElementById("panel");
  if (!panel) return;
  const map = document.querySelector(".map");
  const tiles = [...map.querySelectorAll(".tile")];
  const marked = [...document.querySelectorAll(".tile, .chip")];
  const start = document.getElementById("start");
  const isDetails = (element) => element !== null && element.parentElement === panel;
  const target = (link) => document.getElementById(decodeURIComponent(link.hash.slice(1)));
  let shown = start;
  let opener = null;

  function show(article, from) {
    shown.classList.remove("shown");
    shown = article;
    shown.classList.add("shown");
    panel.scrollTop = 0;
    for (const link of marked) {
      const isChosen = target(link) === article;
      link.classList.toggle("chosen", isChosen);
      if (isChosen) {
        link.setAttribute("aria-current", "true");
      } else {
        link.removeAttribute("aria-current");
      }
    }
    if (from) {
      opener = from;
      history.replaceState(null, "", article === start ? location.pathname + location.search : "#" + article.id);
      article.focus({ preventScroll: true });
      const box = panel.getBoundingClientRect();
      if (box.top < 0 || box.top > innerHeight - 80) panel.scrollIntoView({ block: "start" });
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const article = target(link);
    if (!isDetails(article)) return;
    event.preventDefault();
    show(article, panel.contains(link) ? opener || link : link);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown !== start) {
      const back = opener;
      show(start, document.body);
      opener = null;
      if (back) back.focus();
    } else if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });

  // One tile is in the order of the tab key; the arrow keys lead to the others.
  function reach(tile) {
    for (const other of tiles) other.tabIndex = other === tile ? 0 : -1;
  }
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  map.addEventListener("keydown", (event) => {
    const direction = directions[event.key];
    const from = event.target.closest(".tile");
    if (!direction || !from) return;
    event.preventDefault();
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const tile of tiles) {
      const [right, down] = middle(tile).map((at, axis) => at - [x, y][axis]);
      const ahead = right * direction[0] + down * direction[1];
      const aside = Math.abs(right * direction[1]) + Math.abs(down * direction[0]);
      if (tile !== from && ahead > 0.5 && ahead + 2.5 * aside < least) {
        least = ahead + 2.5 * aside;
        best = tile;
      }
    }
    if (best) {
      reach(best);
      best.focus();
    }
  });
  map.addEventListener("focusin", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) reach(tile);
  });

  const form = document.querySelector("form");
  const search = document.getElementById("search");
  const found = form.querySelector("output");
  const names = new Map(marked.map((link) => [link, link.querySelector("b").textContent.toLowerCase()]));
  function find() {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const [link, name] of names) {
      const isHit = wanted !== "" && name.includes(wanted);
      link.classList.toggle("hit", isHit);
      count += isHit ? 1 : 0;
    }
    document.body.classList.toggle("searching", wanted !== "");
    found.textContent = wanted === "" ? "" : count + " found";
  }
  search.addEventListener("input", find);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = search.value.trim().toLowerCase();
    const hits = marked.filter((link) => link.classList.contains("hit"));
    const hit = hits.find((link) => names.get(link) === wanted) || hits[0];
    if (hit) {
      show(target(hit), hit);
      hit.focus();
    }
  });

  form.hidden = false;
  document.documentElement.classList.add("scripted");
  if (tiles.length > 0) reach(tiles[0]);
  const first = location.hash ? target(location) : null;
  show(isDetails(first) ? first : start, null);
})();
