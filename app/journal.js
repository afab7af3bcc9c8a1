// The journal's text fields: saved a second after the last key, and kept in this browser until they are, so that a reload in the
// middle of a sentence loses none of it. Streamlit's fields speak to the server when they are left or at Ctrl+Enter.
(() => {
  if (window.evenkeelJournal) return;
  window.evenkeelJournal = true;
  const DAYS = 7 * 86400000;
  const mine = (box) => box && box.tagName === "TEXTAREA" && box.closest('[class*="st-key-entry_"]');
  const name = (box) => "evenkeel " + [...mine(box).classList].find((one) => one.startsWith("st-key-entry_"));
  const draft = (box) => { try { return JSON.parse(localStorage.getItem(name(box))); } catch { return null; } };
  const forget = (box) => { try { localStorage.removeItem(name(box)); } catch { /* no storage: nothing is kept */ } };
  const keep = (box) => {
    const made = { text: box.value, base: box.dataset.evenkeelBase ?? "", at: Date.now() };
    try { localStorage.setItem(name(box), JSON.stringify(made)); } catch { /* the same */ }
  };
  const commit = (box) => {
    box.dispatchEvent(new KeyboardEvent("keydown", {
      key: "Enter", code: "Enter", keyCode: 13, which: 13, ctrlKey: true, bubbles: true, cancelable: true,
    }));
    const sent = box.value;
    setTimeout(() => {
      if (draft(box)?.text !== sent) return;
      forget(box);
      box.dataset.evenkeelBase = sent;
    }, 3000);
  };
  const timers = new WeakMap();
  document.addEventListener("input", (event) => {
    const box = event.target;
    if (!mine(box)) return;
    keep(box);
    clearTimeout(timers.get(box));
    timers.set(box, setTimeout(() => commit(box), 900));
  }, true);
  document.addEventListener("visibilitychange", () => { if (mine(document.activeElement)) commit(document.activeElement); });

  // What a reload cut off comes back; where another text stands by now, it comes below that one.
  const put = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
  const meet = (box) => {
    if (box.dataset.evenkeelMet) return;
    box.dataset.evenkeelMet = "1";
    box.dataset.evenkeelBase = box.value;
    const kept = draft(box);
    if (!kept || Date.now() - kept.at > DAYS || kept.text === box.value) { forget(box); return; }
    put.call(box, box.value === kept.base ? kept.text : box.value + "\n\n" + kept.text);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const look = () => document.querySelectorAll('[class*="st-key-entry_"] textarea').forEach(meet);
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})();
