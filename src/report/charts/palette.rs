//! Colours: Okabe and Ito's palette, safe for the common colour deficiencies, and a sequential map.

use super::scene::Color;

pub(super) const INK: Color = Color::hex(0x1F_2328);
pub(super) const MUTED: Color = Color::hex(0x59_636E);
pub(super) const GRID: Color = Color::hex(0xE3_E6EA);
pub(super) const AXIS: Color = Color::hex(0x8A_929B);
pub(super) const PANEL: Color = Color::hex(0xF6_F7F9);
pub(super) const WHITE: Color = Color::hex(0xFF_FFFF);

pub(super) const BLUE: Color = Color::hex(0x00_72B2);
/// A pale green for what is as it should be, so that the rest stands out.
pub(super) const CALM: Color = Color::hex(0x9C_D6C4);
pub(super) const ORANGE: Color = Color::hex(0xE6_9F00);
pub(super) const GREEN: Color = Color::hex(0x00_9E73);
pub(super) const VERMILION: Color = Color::hex(0xD5_5E00);
pub(super) const SKY: Color = Color::hex(0x56_B4E9);
pub(super) const PURPLE: Color = Color::hex(0xCC_79A7);
pub(super) const GREY: Color = Color::hex(0x99_9FA6);
pub(super) const BLACK: Color = Color::hex(0x33_3A42);

/// Distinct colours in the order they should be used for named things (lines, policies).
pub(super) const CATEGORICAL: [Color; 7] = [BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK];

/// Colour of the `index`-th named thing; repeats after seven, so callers add dashes or labels.
pub(super) fn categorical(index: usize) -> Color {
    CATEGORICAL[index % CATEGORICAL.len()]
}

/// Stops of the sequential map, from nothing (pale) to full (dark); even steps of lightness.
const SEQUENTIAL: [u32; 7] =
    [0xF7_F8E8, 0xD9_EBC4, 0x9F_D5B5, 0x4F_B3B8, 0x2B_83AE, 0x2F_4F93, 0x2A_1F5C];

/// The sequential map at `t`, held between 0 and 1.
pub(super) fn sequential(t: f64) -> Color {
    let position = t.clamp(0.0, 1.0) * (SEQUENTIAL.len() - 1) as f64;
    let index = (position.floor() as usize).min(SEQUENTIAL.len() - 2);
    let (from, to) = (Color::hex(SEQUENTIAL[index]), Color::hex(SEQUENTIAL[index + 1]));
    from.mix(to, position - index as f64)
}
