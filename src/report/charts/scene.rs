//! A chart as a list of shapes in logical pixels, and the one function that paints them with any
//! plotters backend. Charts are composed without knowing whether SVG or PNG comes out.

use std::sync::OnceLock;

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    FontDesc, FontFamily, FontStyle, FontTransform, IntoTextStyle, RGBAColor, ShapeStyle,
    register_font,
};

/// Image pixels (and SVG user units) per logical pixel: sharp on dense screens.
pub(super) const SCALE: f64 = 2.0;

/// The families a browser tries; the first is the embedded one, Verdana has nearly its widths.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// A colour with its opacity.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Color {
    rgb: (u8, u8, u8),
    alpha: f64,
}

impl Color {
    /// From `0xRRGGBB`, opaque.
    pub(super) const fn hex(rgb: u32) -> Self {
        let [_, r, g, b] = rgb.to_be_bytes();
        Color { rgb: (r, g, b), alpha: 1.0 }
    }

    /// The same colour, more transparent.
    pub(super) const fn alpha(self, alpha: f64) -> Self {
        Color { rgb: self.rgb, alpha }
    }

    /// The colour `t` of the way (0 to 1) from `self` to `other`.
    pub(super) fn mix(self, other: Color, t: f64) -> Self {
        let channel =
            |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * t).round() as u8;
        Color {
            rgb: (
                channel(self.rgb.0, other.rgb.0),
                channel(self.rgb.1, other.rgb.1),
                channel(self.rgb.2, other.rgb.2),
            ),
            alpha: self.alpha,
        }
    }
}

/// Which point of a text its x coordinate names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// How a text looks.
#[derive(Copy, Clone, Debug)]
pub(super) struct Font {
    /// Em size in logical pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: Color,
}

impl Font {
    pub(super) const fn new(size: f64, color: Color) -> Self {
        Font { size, bold: false, color }
    }
    pub(super) const fn bold(self) -> Self {
        Font { bold: true, ..self }
    }
}

/// One thing to paint. Coordinates in logical pixels, y downwards.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Rect { area: Area, color: Color },
    Path { points: Vec<(f64, f64)>, color: Color, width: f64 },
    Polygon { points: Vec<(f64, f64)>, color: Color },
    Disc { at: (f64, f64), radius: f64, color: Color },
    Text { at: (f64, f64), text: String, font: Font, align: Align, upwards: bool },
}

/// A rectangle.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) const fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Area { left, top, width, height }
    }
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }
    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// The shapes of one chart, in painting order, on a white ground.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let ground = Area::new(0.0, 0.0, width, height);
        let color = Color::hex(0xFF_FFFF);
        Scene { width, height, shapes: vec![Shape::Rect { area: ground, color }] }
    }

    /// Gives the scene its final height, once it is known what stands on it.
    pub(super) fn set_height(&mut self, height: f64) {
        self.height = height;
        if let Some(Shape::Rect { area, .. }) = self.shapes.first_mut() {
            area.height = height;
        }
    }

    pub(super) fn rect(&mut self, area: Area, color: Color) {
        if area.width > 0.0 && area.height > 0.0 {
            self.shapes.push(Shape::Rect { area, color });
        }
    }

    /// The outline of a rectangle.
    pub(super) fn outline(&mut self, area: Area, color: Color, width: f64) {
        let (l, t, r, b) = (area.left, area.top, area.right(), area.bottom());
        self.path(vec![(l, t), (r, t), (r, b), (l, b), (l, t)], color, width);
    }

    /// A line through the points. Where it turns back on itself it is cut in two: backends stroke
    /// such a turn as a sliver that vanishes.
    pub(super) fn path(&mut self, mut points: Vec<(f64, f64)>, color: Color, width: f64) {
        points.dedup();
        let turn = points.windows(3).position(|p| {
            let (a, b) = ((p[1].0 - p[0].0, p[1].1 - p[0].1), (p[2].0 - p[1].0, p[2].1 - p[1].1));
            (a.0 * b.1 - a.1 * b.0).abs() < 1e-9 && a.0 * b.0 + a.1 * b.1 < 0.0
        });
        if let Some(at) = turn {
            let rest = points.split_off(at + 1);
            points.push(rest[0]);
            self.shapes.push(Shape::Path { points, color, width });
            self.path(rest, color, width);
        } else if points.len() > 1 {
            self.shapes.push(Shape::Path { points, color, width });
        }
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Color, width: f64) {
        self.path(vec![from, to], color, width);
    }

    pub(super) fn polygon(&mut self, points: Vec<(f64, f64)>, color: Color) {
        if points.len() > 2 {
            self.shapes.push(Shape::Polygon { points, color });
        }
    }

    pub(super) fn disc(&mut self, at: (f64, f64), radius: f64, color: Color) {
        self.shapes.push(Shape::Disc { at, radius, color });
    }

    /// Text whose middle line is at `at.1`.
    pub(super) fn text(&mut self, at: (f64, f64), text: &str, font: Font, align: Align) {
        let text = text.to_owned();
        self.shapes.push(Shape::Text { at, text, font, align, upwards: false });
    }

    /// Text that runs upwards, centred at `at`.
    pub(super) fn text_upwards(&mut self, at: (f64, f64), text: &str, font: Font) {
        let (text, align) = (text.to_owned(), Align::Middle);
        self.shapes.push(Shape::Text { at, text, font, align, upwards: true });
    }

    /// A dashed path: `dash` and `gap` in logical pixels, running on over corners.
    pub(super) fn dashed(
        &mut self,
        points: &[(f64, f64)],
        color: Color,
        width: f64,
        (dash, gap): (f64, f64),
    ) {
        let (mut on, mut left) = (true, dash);
        let mut run: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let (dx, dy) = (to.0 - from.0, to.1 - from.1);
                let length = (dx * dx + dy * dy).sqrt();
                if length <= left {
                    left -= length;
                    run.push(to);
                    break;
                }
                from = (from.0 + dx * left / length, from.1 + dy * left / length);
                run.push(from);
                if on {
                    self.path(std::mem::take(&mut run), color, width);
                }
                run = vec![from];
                on = !on;
                left = if on { dash } else { gap };
            }
        }
        if on {
            self.path(run, color, width);
        }
    }

    /// Diagonal strokes that fill `area`, `step` logical pixels apart.
    pub(super) fn hatch(&mut self, area: Area, color: Color, step: f64) {
        let (l, t, r, b) = (area.left, area.top, area.right(), area.bottom());
        let mut sum = ((l + t) / step).ceil() * step;
        while sum < r + b {
            // The stroke x + y = sum, cut at the rectangle.
            let from = if sum - t <= r { (sum - t, t) } else { (r, sum - r) };
            let to = if sum - l <= b { (l, sum - l) } else { (sum - b, b) };
            if (from.0 - to.0).abs() > 0.3 {
                self.line(from, to, color, 1.0);
            }
            sum += step;
        }
    }

    /// What is not a finite number, if anything.
    pub(super) fn non_finite(&self) -> Option<f64> {
        let mut numbers = self.shapes.iter().flat_map(|shape| match shape {
            Shape::Rect { area, .. } => vec![area.left, area.top, area.width, area.height],
            Shape::Path { points, .. } | Shape::Polygon { points, .. } => {
                points.iter().flat_map(|p| [p.0, p.1]).collect()
            }
            Shape::Disc { at, .. } | Shape::Text { at, .. } => vec![at.0, at.1],
        });
        numbers.find(|x| !x.is_finite())
    }
}

/// The backend's idea of text: both measure from the top of a box, differently.
#[derive(Copy, Clone, Debug)]
pub(super) struct TextFit {
    /// Font "size" given to plotters per em.
    size_per_em: f64,
    /// From the top of the box to the baseline, in em.
    baseline_em: f64,
}

/// plotters-svg divides the size by 1.24 and puts the baseline 0.76 em below the top.
pub(super) const SVG_TEXT: TextFit = TextFit { size_per_em: 1.24, baseline_em: 0.76 };
/// `ab_glyph` takes ascent + descent (1.164 em in DejaVu) for the size, baseline at its half.
pub(super) const BITMAP_TEXT: TextFit = TextFit { size_per_em: 1.164, baseline_em: 0.582 };

/// Half of DejaVu's cap height in em: from a text's middle line to its baseline.
const MIDDLE_EM: f64 = 0.364;

/// Makes the embedded font known to plotters, once per process.
fn load_font() {
    static LOADED: OnceLock<()> = OnceLock::new();
    LOADED.get_or_init(|| {
        let regular = include_bytes!("../font/dejavu-sans.ttf");
        let bold = include_bytes!("../font/dejavu-sans-bold.ttf");
        let ok = register_font(FAMILY, FontStyle::Normal, regular).is_ok()
            && register_font(FAMILY, FontStyle::Bold, bold).is_ok();
        assert!(ok, "the embedded font files are valid TrueType");
    });
}

/// Width of a text in logical pixels.
pub(super) fn text_width(text: &str, font: Font) -> f64 {
    load_font();
    // Measured at 100 pixels per em: layout boxes are whole pixels.
    let size = BITMAP_TEXT.size_per_em * 100.0;
    let desc = FontDesc::new(FontFamily::Name(FAMILY), size, style_of(font));
    let (width, _) = desc.box_size(text).expect("the embedded font is registered");
    f64::from(width) / 100.0 * font.size
}

/// Cuts the middle out of a text until it fits into `width` logical pixels.
pub(super) fn fit_text(text: &str, font: Font, width: f64) -> String {
    let mut max = text.chars().count();
    let mut cut = text.to_owned();
    while max > 3 && text_width(&cut, font) > width {
        max -= 1;
        cut = crate::report::format::shorten(text, max);
    }
    cut
}

fn style_of(font: Font) -> FontStyle {
    if font.bold { FontStyle::Bold } else { FontStyle::Normal }
}

fn pixel(value: f64) -> i32 {
    (value * SCALE).round() as i32
}

fn rgba(color: Color) -> RGBAColor {
    RGBAColor(color.rgb.0, color.rgb.1, color.rgb.2, color.alpha)
}

fn shape_style(color: Color, width: f64, filled: bool) -> ShapeStyle {
    let stroke_width = pixel(width).max(1).unsigned_abs();
    ShapeStyle { color: rgba(color), filled, stroke_width }
}

/// Paints every shape with `backend`, in order, then presents the result.
pub(super) fn paint<DB: DrawingBackend>(
    scene: &Scene,
    backend: &mut DB,
    fit: TextFit,
) -> Result<(), String> {
    load_font();
    let problem = |error| format!("{error}");
    backend.ensure_prepared().map_err(|error| error.to_string())?;
    for shape in &scene.shapes {
        match shape {
            Shape::Rect { area, color } => {
                let from = (pixel(area.left), pixel(area.top));
                let to = (pixel(area.right()), pixel(area.bottom()));
                backend.draw_rect(from, to, &shape_style(*color, 1.0, true), true)
            }
            Shape::Path { points, color, width } => {
                let style = shape_style(*color, *width, false);
                backend.draw_path(distinct_pixels(points), &style)
            }
            Shape::Polygon { points, color } => {
                let style = shape_style(*color, 1.0, true);
                backend.fill_polygon(distinct_pixels(points), &style)
            }
            Shape::Disc { at, radius, color } => {
                let radius = pixel(*radius).unsigned_abs();
                let style = shape_style(*color, 1.0, true);
                backend.draw_circle((pixel(at.0), pixel(at.1)), radius, &style, true)
            }
            Shape::Text { at, text, font, align, upwards } => {
                let h_pos = match align {
                    Align::Left => HPos::Left,
                    Align::Middle => HPos::Center,
                    Align::Right => HPos::Right,
                };
                let size = font.size * SCALE * fit.size_per_em;
                let color = rgba(font.color);
                let style = FontDesc::new(FontFamily::Name(FAMILY), size, style_of(*font))
                    .into_text_style(&(0, 0))
                    .color(&color)
                    .pos(Pos::new(h_pos, VPos::Top));
                let up = (fit.baseline_em - MIDDLE_EM) * font.size;
                if *upwards {
                    let style = style.transform(FontTransform::Rotate270);
                    backend.draw_text(text, &style, (pixel(at.0 - up), pixel(at.1)))
                } else {
                    backend.draw_text(text, &style, (pixel(at.0), pixel(at.1 - up)))
                }
            }
        }
        .map_err(problem)?;
    }
    backend.present().map_err(problem)
}

/// The points in backend pixels without repeats in a row.
fn distinct_pixels(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    let mut out: Vec<(i32, i32)> =
        points.iter().map(|point| (pixel(point.0), pixel(point.1))).collect();
    out.dedup();
    out
}
