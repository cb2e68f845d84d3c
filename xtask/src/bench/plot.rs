//! Pictures beside the tables: SVG files in `bench/plots/`, or in the scenario's folder. Each has a row for each row of a
//! table, a dot for each server, on a logarithmic scale, and a line where the aim is.

use std::fs;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Bench;
use super::matrix::thousands;
use super::peers::Server;
use crate::context::Failure;

/// Values of several servers in the same rows.
#[derive(Debug)]
pub(super) struct Dots {
    /// What is shown, with its unit.
    pub(super) title: &'static str,
    /// What the names of rows say.
    pub(super) head: &'static str,
    /// What each row is, from above.
    pub(super) rows: Vec<String>,
    /// What Gumboot is to need at most, in each row that has an aim.
    pub(super) aims: Vec<Option<f64>>,
    /// The name of each server, and its value in each row; what stands first lies above the others.
    pub(super) series: Vec<(String, Vec<Option<f64>>)>,
}

const WIDTH: i32 = 1000;
const MARGIN: i32 = 16;
const LEFT: i32 = 320;
const RIGHT: i32 = 40;
const TOP: i32 = 98;
const BOTTOM: i32 = 40;
const ROW_HEIGHT: i32 = 28;

/// How wide a character of the legend is, about.
const CHARACTER_WIDTH: i32 = 7;

/// Sizes of text, in the library's own unit, which is about four fifths of a pixel.
const TITLE: i32 = 21;
const LABEL: i32 = 16;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(36, 41, 47);
const QUIET: RGBColor = RGBColor(101, 109, 118);
const GRID: RGBColor = RGBColor(222, 226, 230);
const STRIPE: RGBColor = RGBColor(246, 248, 250);

/// The colour of each server, the same in all pictures; most are told apart by those who see few.
const COLORS: [(&str, RGBColor); 10] = [
    ("gumboot", RGBColor(0, 92, 197)),
    ("tokio-tungstenite", RGBColor(213, 94, 0)),
    ("fastwebsockets", RGBColor(230, 159, 0)),
    ("tokio-websockets", RGBColor(0, 158, 115)),
    ("yawc", RGBColor(204, 121, 167)),
    ("ws", RGBColor(120, 120, 120)),
    ("bun", RGBColor(86, 190, 240)),
    ("frames-epoll", RGBColor(60, 40, 20)),
    ("frames-tokio", RGBColor(150, 110, 70)),
    ("rabbitmq", RGBColor(170, 0, 60)),
];

/// Draws them, and gives the Markdown that shows the file. What has no value is not drawn.
pub(super) fn draw(bench: &Bench<'_>, file: &str, dots: &Dots) -> Result<String, Failure> {
    let folder = bench.cx.root.join(&bench.plots);
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::Broken(format!("cannot create {}: {error}", folder.display())))?;
    draw_to(&folder.join(file), dots)?;
    let shown = bench.plots.join(file);
    Ok(format!("\n![{}]({})\n", dots.title, shown.display()))
}

fn draw_to(path: &Path, dots: &Dots) -> Result<(), Failure> {
    let height = TOP + ROW_HEIGHT * dots.rows.len() as i32 + BOTTOM;
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    let drawn = draw_all(&area, dots, Scale::of(dots));
    drawn
        .and_then(|()| Ok(area.present()?))
        .map_err(|error| Failure::Broken(format!("cannot draw {}: {error}", path.display())))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// From which value to which the picture goes.
#[derive(Debug, Clone, Copy)]
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(dots: &Dots) -> Self {
        let values = dots.series.iter().flat_map(|(_, values)| values);
        let values = values.chain(&dots.aims).flatten().copied();
        let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        if values.is_empty() {
            return Self {
                least: 1.0,
                most: 10.0,
            };
        }
        Self {
            least: least * 0.9,
            most: (most * 1.1).max(least * 2.0),
        }
    }

    fn x(self, value: f64) -> i32 {
        let part = (value / self.least).ln() / (self.most / self.least).ln();
        LEFT + (part * f64::from(WIDTH - LEFT - RIGHT)).round() as i32
    }

    /// The values that have a line: some in each power of ten, fewer if there are many of these.
    fn lines(self) -> Vec<f64> {
        let steps: &[f64] = match (self.most / self.least).log10() {
            ..1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0],
            ..2.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0, 3.0],
        };
        let first = self.least.log10().floor() as i32;
        let all = (first..first + 12)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)));
        all.filter(|value| (self.least..=self.most).contains(value))
            .collect()
    }
}

fn draw_all(area: &Area<'_>, dots: &Dots, scale: Scale) -> Drawn {
    area.fill(&WHITE)?;
    text(area, dots.title, (MARGIN, 16), (TITLE, INK), HPos::Left)?;
    let at = (LEFT - 14, TOP - 12);
    text(area, dots.head, at, (LABEL, QUIET), HPos::Right)?;
    let bottom = TOP + ROW_HEIGHT * dots.rows.len() as i32;
    for (index, row) in dots.rows.iter().enumerate() {
        let top = TOP + ROW_HEIGHT * index as i32;
        if index % 2 == 0 {
            let corners = [(0, top), (WIDTH, top + ROW_HEIGHT)];
            area.draw(&Rectangle::new(corners, STRIPE.filled()))?;
        }
        let at = (LEFT - 14, top + ROW_HEIGHT / 2);
        text(area, row, at, (LABEL, INK), HPos::Right)?;
    }
    for value in scale.lines() {
        let x = scale.x(value);
        area.draw(&PathElement::new([(x, TOP), (x, bottom)], GRID))?;
        let shown = match value {
            value if value < 10.0 => format!("{}", (value * 100.0).round() / 100.0),
            value => thousands(value),
        };
        text(area, &shown, (x, bottom + 16), (LABEL, QUIET), HPos::Center)?;
    }
    for (index, aim) in dots.aims.iter().enumerate() {
        if let Some(aim) = aim {
            draw_aim(area, (scale.x(*aim), middle(index)))?;
        }
    }
    for (name, values) in dots.series.iter().rev() {
        for (index, value) in values.iter().enumerate() {
            if let Some(value) = value.filter(|value| *value > 0.0) {
                draw_dot(area, name, (scale.x(value), middle(index)))?;
            }
        }
    }
    draw_legend(area, dots)
}

/// The height in the middle of a row.
fn middle(row: usize) -> i32 {
    TOP + ROW_HEIGHT * row as i32 + ROW_HEIGHT / 2
}

fn draw_legend(area: &Area<'_>, dots: &Dots) -> Drawn {
    let (mut x, mut y) = (MARGIN, 46);
    for (name, _) in &dots.series {
        let width = 34 + CHARACTER_WIDTH * name.chars().count() as i32;
        if x + width > WIDTH - 60 {
            (x, y) = (MARGIN, y + 20);
        }
        draw_dot(area, name, (x + 6, y))?;
        text(area, name, (x + 18, y), (LABEL, INK), HPos::Left)?;
        x += width;
    }
    if dots.aims.iter().any(Option::is_some) {
        draw_aim(area, (x + 6, y))?;
        text(area, "aim", (x + 18, y), (LABEL, INK), HPos::Left)?;
    }
    Ok(())
}

fn draw_dot(area: &Area<'_>, server: &str, at: (i32, i32)) -> Drawn {
    let is_ours = server == Server::Gumboot.name();
    let radius = if is_ours { 7 } else { 5 };
    area.draw(&Circle::new(at, radius + 1, WHITE.filled()))?;
    let color = COLORS.iter().find(|(name, _)| *name == server);
    let color = color.map_or(QUIET, |(_, color)| *color);
    Ok(area.draw(&Circle::new(at, radius, color.filled()))?)
}

fn draw_aim(area: &Area<'_>, (x, y): (i32, i32)) -> Drawn {
    let reach = ROW_HEIGHT / 2 - 2;
    let line = [(x, y - reach), (x, y + reach)];
    Ok(area.draw(&PathElement::new(line, INK.stroke_width(2)))?)
}

fn text(
    area: &Area<'_>,
    text: &str,
    at: (i32, i32),
    (size, color): (i32, RGBColor),
    from: HPos,
) -> Drawn {
    let style = (FONT, size).into_font().color(&color);
    let style = style.pos(Pos::new(from, VPos::Center));
    Ok(area.draw_text(text, &style, at)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::stomp_servers::RABBITMQ;
    use super::*;

    fn dots(values: &[Option<f64>]) -> Dots {
        Dots {
            title: "CPU time of the server for each message, as a multiple of the floor",
            head: "what",
            rows: (0..values.len()).map(|row| format!("row {row}")).collect(),
            aims: vec![Some(1.05); values.len()],
            series: vec![
                ("gumboot".to_owned(), values.to_vec()),
                ("other".to_owned(), vec![None; values.len()]),
            ],
        }
    }

    #[test]
    fn a_picture_has_rows_servers_and_the_scale() {
        let path = std::env::temp_dir().join(format!("xtask-plot-{}.svg", std::process::id()));
        draw_to(&path, &dots(&[Some(1.1), None, Some(20.0)])).expect("it is drawn");
        let picture = fs::read_to_string(&path).expect("it is there");
        fs::remove_file(&path).expect("it is there");
        for text in [
            "what", "row 0", "row 2", "gumboot", "other", "aim", "2", "20",
        ] {
            assert!(
                picture.contains(&format!("\n{text}\n")),
                "{text}: {picture}"
            );
        }
    }

    #[test]
    fn each_server_has_a_colour_of_its_own() {
        let servers = Server::ALL.iter().filter(|server| !server.is_raw());
        let names = servers.map(|server| server.name()).chain([RABBITMQ]);
        let names: BTreeSet<&str> = names.collect();
        assert_eq!(BTreeSet::from(COLORS.map(|(name, _)| name)), names);
        let colors = COLORS.map(|(_, color)| (color.0, color.1, color.2));
        assert_eq!(BTreeSet::from(colors).len(), names.len());
    }

    #[test]
    fn all_values_and_aims_are_within_the_scale() {
        for values in [&[Some(1.0), Some(1_000_000.0)][..], &[None], &[Some(3.0)]] {
            let scale = Scale::of(&dots(values));
            for value in values.iter().flatten().chain(&[1.05]) {
                assert!(
                    (LEFT..=WIDTH - RIGHT).contains(&scale.x(*value)),
                    "{scale:?}"
                );
            }
            let lines = scale.lines();
            assert!((2..=16).contains(&lines.len()), "{lines:?}");
        }
        assert_eq!(
            Scale::of(&Dots {
                aims: vec![],
                ..dots(&[None])
            })
            .x(1.0),
            LEFT
        );
    }
}
