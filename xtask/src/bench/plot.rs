//! Pictures beside the tables: SVG files in `bench/plots/`, or in the scenario's folder.

use std::fs;

use plotters::prelude::*;

use super::Bench;
use crate::context::Failure;

/// Values of several series in the same rows.
#[derive(Debug)]
pub(super) struct Dots {
    /// What each row is, from above.
    pub(super) rows: Vec<String>,
    /// The name of each series, and its value in each row.
    pub(super) series: Vec<(String, Vec<Option<f64>>)>,
}

const WIDTH: u32 = 900;
const ROW_HEIGHT: u32 = 34;
const MARGIN: u32 = 110;

/// Draws ratios on a logarithmic scale, a dot for each series in each row, and gives the Markdown that shows the file.
pub(super) fn ratios(bench: &Bench<'_>, file: &str, dots: &Dots) -> Result<String, Failure> {
    let folder = bench.cx.root.join(&bench.plots);
    let path = folder.join(file);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Broken(format!("cannot draw {}: {error}", path.display()))
    };
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let height = MARGIN + ROW_HEIGHT * dots.rows.len() as u32;
    let area = SVGBackend::new(&path, (WIDTH, height)).into_drawing_area();
    draw(&area, dots).map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))?;
    let shown = bench.plots.join(file);
    Ok(format!(
        "\n![multiples of the floor]({})\n",
        shown.display()
    ))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(area: &Area<'_>, dots: &Dots) -> Result<(), Box<dyn std::error::Error>> {
    let values = dots
        .series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    let most = values.copied().fold(2.0, f64::max);
    let rows = dots.rows.len();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(190)
        .build_cartesian_2d((0.9..most * 1.1).log_scale(), -0.5..rows as f64 - 0.5)?;
    let label = |row: &f64| {
        let index = rows as f64 - 1.0 - row;
        let is_row = index.fract().abs() < 0.01 && index >= 0.0;
        let row = is_row.then(|| dots.rows.get(index.round() as usize));
        row.flatten().cloned().unwrap_or_default()
    };
    chart
        .configure_mesh()
        .x_desc("CPU time for each message, as a multiple of the floor")
        .x_label_formatter(&|ratio| format!("{ratio:.1}"))
        .y_labels(rows)
        .y_label_formatter(&label)
        .draw()?;
    for (index, (name, values)) in dots.series.iter().enumerate() {
        let color = Palette99::pick(index).filled();
        let points = values.iter().enumerate().filter_map(|(row, value)| {
            Some(Circle::new(((*value)?, (rows - 1 - row) as f64), 5, color))
        });
        chart
            .draw_series(points)?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 10, y), 5, color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    Ok(())
}
