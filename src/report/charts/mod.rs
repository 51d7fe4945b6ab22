//! The charts of a run and of a comparison, each written as SVG and as PNG from the same shapes.
//!
//! A chart says in its title what it answers, keeps its legend off the data and never tells two
//! things apart by colour alone. An input with nothing to show gives a chart that says so. Drawing
//! needs no system font: a subset of DejaVu Sans is built in.

mod axis;
mod by_policy;
mod compared;
mod frame;
mod gantt;
mod heatmap;
mod intervals;
mod paired;
mod palette;
mod pending;
mod recovery;
mod replicas;
mod scene;
mod steps;
mod utilisation;

mod pod_states;

use std::fs;
use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};

use self::scene::{BITMAP_TEXT, SCALE, SVG_TEXT, Scene, TextFit, paint};
use super::ReportError;
use crate::tables::{
    ComparisonRow, FaultRow, NodeRow, PodRow, RecoveryRow, ReplicationRow, SeriesRow, StageRow,
};

/// The rows a run's charts are drawn from.
#[derive(Copy, Clone, Debug)]
pub struct RunTables<'a> {
    /// `timeseries.csv`, sorted by (metric, labels, time).
    pub series: &'a [SeriesRow],
    /// `pods.csv`.
    pub pods: &'a [PodRow],
    /// `nodes.csv`.
    pub nodes: &'a [NodeRow],
    /// `faults.csv`.
    pub faults: &'a [FaultRow],
    /// `recovery.csv`.
    pub recovery: &'a [RecoveryRow],
    /// `stages.csv`.
    pub stages: &'a [StageRow],
}

/// The rows a comparison's charts are drawn from.
#[derive(Copy, Clone, Debug)]
pub struct CompareTables<'a> {
    /// `comparison.csv`; policies keep their order of appearance.
    pub comparison: &'a [ComparisonRow],
    /// `replications.csv`.
    pub replications: &'a [ReplicationRow],
}

/// What stands below a chart's title, and where its time axis ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caption {
    /// For a run: scenario · policy · seed. For a comparison: scenario · policies × replications.
    pub subtitle: String,
    /// End of the simulated time in seconds; unknown: the last time in the tables.
    pub end_seconds: Option<f64>,
}

impl Caption {
    /// `scenario · policy default · seed 1, replication 0`; empty parts are left out.
    pub fn run(scenario: &str, policy: &str, seed: Option<(u64, u64)>) -> Self {
        let mut parts: Vec<String> = Vec::new();
        if !scenario.is_empty() {
            parts.push(scenario.to_owned());
        }
        if !policy.is_empty() {
            parts.push(format!("policy {policy}"));
        }
        if let Some((seed, replication)) = seed {
            parts.push(format!("seed {seed}, replication {replication}"));
        }
        Caption { subtitle: parts.join(" · "), end_seconds: None }
    }

    /// `scenario · 4 policies × 30 replications, paired`; unknown (zero) counts are left out.
    pub fn comparison(scenario: &str, policies: usize, replications: u64) -> Self {
        let mut parts: Vec<String> = Vec::new();
        if !scenario.is_empty() {
            parts.push(scenario.to_owned());
        }
        if policies > 0 && replications > 0 {
            let noun = if policies == 1 { "policy" } else { "policies" };
            let times = if replications == 1 { "replication" } else { "replications" };
            let paired = if policies > 1 && replications > 1 { ", paired" } else { "" };
            parts.push(format!("{policies} {noun} × {replications} {times}{paired}"));
        }
        Caption { subtitle: parts.join(" · "), end_seconds: None }
    }
}

/// One finished chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// File stem, for example `pod-states`.
    pub name: &'static str,
    /// What the chart answers, in plain words.
    pub title: String,
    /// Whether there was nothing to draw: the picture only says so.
    pub empty: bool,
    subtitle: String,
    scene: Scene,
}

impl Chart {
    fn new(
        name: &'static str,
        title: &str,
        subtitle: &str,
        scene: Scene,
    ) -> Result<Self, ReportError> {
        if let Some(value) = scene.non_finite() {
            let what = "a position".to_owned();
            return Err(ReportError::NotFinite { chart: name, what, value });
        }
        let (title, subtitle) = (title.to_owned(), subtitle.to_owned());
        Ok(Chart { name, title, empty: false, subtitle, scene })
    }

    /// A chart that only says why it is empty.
    fn empty(
        name: &'static str,
        title: &str,
        subtitle: &str,
        why: &str,
    ) -> Result<Self, ReportError> {
        let scene = frame::no_data(title, subtitle, why);
        Ok(Chart { empty: true, ..Chart::new(name, title, subtitle, scene)? })
    }

    /// The chart as a stand-alone SVG document.
    ///
    /// # Errors
    /// [`ReportError::Draw`] if the backend refuses.
    pub fn svg(&self) -> Result<String, ReportError> {
        let mut body = String::new();
        {
            let mut backend = SVGBackend::with_string(&mut body, self.size());
            self.draw(&mut backend, SVG_TEXT, Path::new(self.name))?;
        }
        let (_, shapes) = body.split_once('\n').unwrap_or(("", ""));
        let (width, height) = self.size();
        Ok(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
             <desc>{}</desc>\n{shapes}",
            self.scene.width,
            self.scene.height,
            escaped(&self.title),
            escaped(&self.subtitle),
        ))
    }

    /// Writes `<name>.svg` and `<name>.png` into `dir`, which is created if absent.
    ///
    /// # Errors
    /// [`ReportError::Io`] or [`ReportError::Draw`] naming the file.
    pub fn write(&self, dir: &Path) -> Result<(), ReportError> {
        fs::create_dir_all(dir).map_err(ReportError::io("create the folder", dir))?;
        let file = dir.join(format!("{}.svg", self.name));
        fs::write(&file, self.svg()?).map_err(ReportError::io("write", &file))?;
        let file = dir.join(format!("{}.png", self.name));
        fs::write(&file, self.png(&file)?).map_err(ReportError::io("write", &file))
    }

    /// The chart as a PNG image; `file` is named in errors.
    fn png(&self, file: &Path) -> Result<Vec<u8>, ReportError> {
        let (width, height) = self.size();
        let mut pixels = vec![0; width as usize * height as usize * 3];
        {
            let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
            self.draw(&mut backend, BITMAP_TEXT, file)?;
        }
        let problem = |error: png::EncodingError| ReportError::Draw {
            path: file.to_path_buf(),
            problem: error.to_string(),
        };
        let mut image = Vec::new();
        let mut encoder = png::Encoder::new(&mut image, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Balanced);
        // Areas of one colour and repeated rows compress best as they are.
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header().map_err(problem)?;
        writer.write_image_data(&pixels).map_err(problem)?;
        writer.finish().map_err(problem)?;
        Ok(image)
    }

    /// Size in image pixels.
    fn size(&self) -> (u32, u32) {
        let pixels = |length: f64| (length * SCALE).round() as u32;
        (pixels(self.scene.width), pixels(self.scene.height))
    }

    fn draw<DB: DrawingBackend>(
        &self,
        backend: &mut DB,
        fit: TextFit,
        path: &Path,
    ) -> Result<(), ReportError> {
        paint(&self.scene, backend, fit)
            .map_err(|problem| ReportError::Draw { path: path.to_path_buf(), problem })
    }
}

/// Draws the charts of one run.
///
/// # Errors
/// [`ReportError::NotFinite`] if a row holds NaN or an infinity.
pub fn run_charts(tables: &RunTables<'_>, caption: &Caption) -> Result<Vec<Chart>, ReportError> {
    let run = steps::RunView::new(tables, caption)?;
    Ok(vec![
        pod_states::draw(&run)?,
        replicas::draw(&run)?,
        recovery::draw(&run)?,
        gantt::draw(&run)?,
        utilisation::draw(&run)?,
        heatmap::draw(&run)?,
        pending::draw(&run)?,
    ])
}

/// Draws the charts of one comparison.
///
/// # Errors
/// [`ReportError::NotFinite`] if a row holds NaN or an infinity where a number is needed (the
/// interval of a single replication is not).
pub fn compare_charts(
    tables: &CompareTables<'_>,
    caption: &Caption,
) -> Result<Vec<Chart>, ReportError> {
    let view = compared::CompareView::new(tables, caption)?;
    Ok(vec![
        by_policy::draw(&view)?,
        intervals::differences(&view)?,
        paired::draw(&view)?,
        intervals::means(&view)?,
    ])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
