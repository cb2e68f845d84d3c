//! What is echoed in one measurement: how many connections, messages of which kind and length, how many on the way.

use std::fmt;

/// One row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) connections: usize,
    pub(super) bytes: usize,
    /// `binary`, `text` or `json`, as `gumboot-bench` has them.
    pub(super) kind: &'static str,
    pub(super) in_flight: usize,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// More bytes on the way than this are not asked for: what is measured then is the memory of the machine.
pub(super) const BYTES_IN_FLIGHT_MAX: usize = 64 * MIB;

const fn cell(connections: usize, bytes: usize, kind: &'static str, in_flight: usize) -> Cell {
    Cell {
        connections,
        bytes,
        kind,
        in_flight,
    }
}

/// The most that an echo is to cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Aim {
    /// As a multiple of the floor.
    OfFloor(f64),
    /// As a part of what Bun needs.
    OfBun(f64),
}

/// As multiples of the floor. These rows are measured in the short form too.
const AIMS: [(Cell, f64); 15] = [
    (cell(1, 32, "binary", 1), 1.03),
    (cell(50, 32, "binary", 1), 1.05),
    (cell(500, 32, "binary", 1), 1.05),
    (cell(50, 32, "binary", 16), 1.10),
    (cell(500, 32, "binary", 16), 1.10),
    (cell(50, KIB, "text", 1), 1.08),
    (cell(50, KIB, "binary", 16), 1.12),
    (cell(50, KIB, "text", 16), 1.25),
    (cell(500, KIB, "binary", 16), 1.15),
    (cell(50, 16 * KIB, "binary", 1), 1.08),
    (cell(50, 16 * KIB, "text", 1), 1.20),
    (cell(50, 16 * KIB, "binary", 16), 1.40),
    (cell(50, 256 * KIB, "binary", 1), 1.30),
    (cell(10, MIB, "binary", 1), 1.10),
    (cell(10, MIB, "text", 1), 1.35),
];

/// Of compressed messages, as parts of what Bun needs.
const COMPRESSED_AIMS: [(Cell, f64); 2] = [
    (cell(50, KIB, "json", 1), 0.875),
    (cell(50, KIB, "json", 16), 1.0),
];

impl Cell {
    /// The rows with an aim.
    pub(super) fn aimed() -> Vec<Self> {
        AIMS.iter().map(|(cell, _)| *cell).collect()
    }

    /// Every length over every number of connections, and the rows with an aim that are not among these.
    pub(super) fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for bytes in [32, KIB, 16 * KIB, 256 * KIB, MIB] {
            for kind in ["binary", "text"] {
                for connections in [1, 50, 500] {
                    cells
                        .extend([1, 16].map(|in_flight| cell(connections, bytes, kind, in_flight)));
                }
            }
        }
        cells.retain(|cell| cell.bytes_in_flight() <= BYTES_IN_FLIGHT_MAX);
        let more = Self::aimed()
            .into_iter()
            .filter(|cell| !cells.contains(cell));
        let more: Vec<Self> = more.collect();
        cells.extend(more);
        cells
    }

    /// Compressed messages.
    pub(super) fn compressed() -> Vec<Self> {
        COMPRESSED_AIMS.iter().map(|(cell, _)| *cell).collect()
    }

    /// Messages over TLS.
    pub(super) fn secure() -> Vec<Self> {
        let lengths = [32, 16 * KIB].into_iter();
        lengths
            .flat_map(|bytes| [1, 16].map(|in_flight| cell(50, bytes, "binary", in_flight)))
            .collect()
    }

    pub(super) fn aim(self) -> Option<Aim> {
        let of = |aims: &[(Self, f64)]| {
            let aim = aims.iter().find(|(cell, _)| *cell == self);
            aim.map(|(_, aim)| *aim)
        };
        let of_floor = of(&AIMS).map(Aim::OfFloor);
        of_floor.or_else(|| of(&COMPRESSED_AIMS).map(Aim::OfBun))
    }

    fn bytes_in_flight(self) -> usize {
        self.connections * self.bytes * self.in_flight
    }
}

/// Such as `50 × 16, 1 KiB text`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            bytes,
            kind,
            in_flight,
        } = self;
        write!(f, "{connections} × {in_flight}, {} {kind}", size(*bytes))
    }
}

/// Such as `16 KiB`.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        MIB.. => format!("{} MiB", bytes / MIB),
        KIB.. => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cells_have_those_with_an_aim_once() {
        let all = Cell::all();
        for aimed in Cell::aimed() {
            assert_eq!(all.iter().filter(|cell| **cell == aimed).count(), 1);
        }
        assert!(
            all.iter()
                .all(|cell| cell.bytes_in_flight() <= BYTES_IN_FLIGHT_MAX)
        );
        assert!(all.contains(&cell(50, MIB, "text", 1)));
        assert!(!all.contains(&cell(500, MIB, "text", 1)));
        assert_eq!(cell(500, KIB, "binary", 16).aim(), Some(Aim::OfFloor(1.15)));
        assert_eq!(cell(500, KIB, "text", 16).aim(), None);
    }

    #[test]
    fn a_cell_is_shown_in_units() {
        assert_eq!(
            cell(50, 16 * KIB, "text", 16).to_string(),
            "50 × 16, 16 KiB text"
        );
        assert_eq!(size(32), "32 B");
        assert_eq!(size(MIB), "1 MiB");
    }
}
