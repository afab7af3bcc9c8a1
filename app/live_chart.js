// A Plotly figure that is redrawn where it stands: zoom, hover and a drag under way survive each refresh. Streamlit's own chart
// is taken down and built anew whenever its figure changes. Nothing from data is rendered as HTML here: Plotly draws text as text.
const LIBRARY = "component/app.live_chart.plotlyjs/plotly.min.js"

function root() {
  const own = [...document.scripts].find((one) => one.src.includes("/static/"))
  return own ? own.src.split("/static/")[0] : location.origin
}

function library() {
  if (window.Plotly) return Promise.resolve(window.Plotly)
  window.ekPlotly ??= new Promise((done, failed) => {
    const tag = document.createElement("script")
    tag.src = `${root()}/${LIBRARY}`
    tag.onload = () => done(window.Plotly)
    tag.onerror = () => {
      delete window.ekPlotly
      failed(new Error("the chart library did not load"))
    }
    document.head.append(tag)
  })
  return window.ekPlotly
}

function draw(place) {
  library().then(
    (plotly) => {
      if (!place.isConnected || place.ekWanted === place.ekDrawn) return
      if (place._dragging) return void setTimeout(() => draw(place), 200) // a zoom under way is not taken from the hand
      place.ekDrawn = place.ekWanted
      const figure = JSON.parse(place.ekDrawn)
      if (figure.layout.uirevision !== place.ekRevision) place.ekZoom = {}
      place.ekRevision = figure.layout.uirevision
      for (const [axis, range] of Object.entries(place.ekZoom)) figure.layout[axis] = { ...figure.layout[axis], range, autorange: false }
      if (!place.on) place.replaceChildren()
      plotly.react(place, figure.data, { ...figure.layout, autosize: true }, place.ekConfig).then(() => listen(place))
    },
    (error) => {
      place.textContent = `No chart: ${error.message}. Reload the page.`
    },
  )
}

// Plotly forgets a zoom when the figure's own range moves on, as a living chart's does; so it is kept here.
function listen(place) {
  if (place.ekHeard) return
  place.ekHeard = true
  place.on("plotly_relayout", (changed) => {
    for (const name of Object.keys(changed)) {
      const [axis, what] = name.split(".")
      if (what?.startsWith("range")) place.ekZoom[axis] = [...place.layout[axis].range]
      if (what === "autorange") delete place.ekZoom[axis]
    }
  })
  place.on("plotly_doubleclick", () => {
    place.ekZoom = {}
    place.ekDrawn = ""
    draw(place)
  })
}

function begin(parent) {
  const place = parent.querySelector(".ek-chart")
  place.ekWatch = new ResizeObserver(() => {
    if (place.ekHeard && place.isConnected && place.clientWidth) window.Plotly.Plots.resize(place)
  })
  place.ekWatch.observe(place)
  place.ekZoom = {}
  return place
}

export default function ({ data, parentElement }) {
  const known = parentElement.querySelector(".ek-chart")
  const place = known.ekWatch ? known : begin(parentElement)
  place.style.height = `${data.height}px`
  place.setAttribute("aria-label", data.alt)
  place.ekConfig = data.config
  place.ekWanted = data.figure
  draw(place)
  return () => {
    setTimeout(() => {
      if (place.isConnected) return
      place.ekWatch.disconnect()
      if (window.Plotly) window.Plotly.purge(place)
    }, 0)
  }
}
