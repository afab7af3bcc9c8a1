// Draws the report's charts from the JSON beside them, in the colours of the style sheet; again when light turns dark or paper.
(function () {
  "use strict";
  var config = { displayModeBar: false, responsive: true };
  function colours(value, style) {
    if (typeof value === "string") return value.charAt(0) === "@" ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
    if (Array.isArray(value)) return value.length && typeof value[0] === "number" ? value : value.map(function (v) { return colours(v, style); });
    if (value && typeof value === "object") {
      var out = {};
      Object.keys(value).forEach(function (key) { out[key] = colours(value[key], style); });
      return out;
    }
    return value;
  }
  function merged(base, own) {
    Object.keys(own).forEach(function (key) {
      var both = base[key] && own[key] && typeof base[key] === "object" && !Array.isArray(own[key]);
      base[key] = both ? merged(base[key], own[key]) : own[key];
    });
    return base;
  }
  function frame() {
    function axis(more) {
      return merged({ gridcolor: "@grid", zerolinecolor: "@border", linecolor: "@border", tickfont: { size: 11 }, automargin: true, zeroline: false }, more);
    }
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest", dragmode: "zoom",
      margin: { l: 8, r: 8, t: 26, b: 30 }, font: { family: "system-ui, sans-serif", size: 12, color: "@muted" },
      legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0, bgcolor: "rgba(0,0,0,0)" },
      hoverlabel: { bgcolor: "@panel", bordercolor: "@border", font: { color: "@text" } },
      xaxis: axis({ showgrid: false, showline: true }), yaxis: axis({ side: "right" }), yaxis2: axis({ side: "right" })
    };
  }
  function draw() {
    var style = getComputedStyle(document.documentElement);
    document.querySelectorAll("script[data-chart]").forEach(function (source) {
      var chart = JSON.parse(source.textContent), layout = merged(frame(), chart.layout);
      if (!chart.layout.yaxis2) delete layout.yaxis2;
      chart.data.forEach(function (trace) { if (trace.textposition) trace.textfont = { color: "@text" }; });
      window.Plotly.react(document.getElementById(source.getAttribute("data-chart")), colours(chart.data, style), colours(layout, style), config);
    });
  }
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.matchMedia("print").addEventListener("change", draw);
  window.addEventListener("beforeprint", draw);
  window.addEventListener("afterprint", draw);
  draw();
})();
