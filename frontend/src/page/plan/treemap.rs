//! A squarified treemap: rectangles whose areas are in proportion to weights, each as close to a square as it gets
//! (Bruls, Huizing, van Wijk 2000).
//!
//! It is computed here and not in the page: the page has the same bytes for the same plan, needs no script to be seen, and the rules
//! for positions are part of the style whose hash its policy names.

/// A rectangle, in hundredths of a percent of what it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// From the left.
    pub left: u32,
    /// From the top.
    pub top: u32,
    /// From the right.
    pub right: u32,
    /// From the bottom.
    pub bottom: u32,
}

/// The whole, in the unit of a [`Rect`].
const WHOLE: u32 = 10_000;

/// Rectangles in the order of the weights. The largest should come first. `aspect` is how many times as wide as high the whole is.
#[expect(clippy::cast_precision_loss, reason = "no picture shows what is lost")]
pub fn layout(weights: &[u64], aspect: f64) -> Vec<Rect> {
    let total: f64 = weights.iter().map(|weight| *weight as f64).sum();
    // The layout works on a plane whose sides have this proportion, and whose area is the total.
    let height = (total / aspect).sqrt();
    let plane = Plane { left: 0.0, top: 0.0, width: height * aspect, height };
    let areas: Vec<f64> = weights.iter().map(|weight| *weight as f64).collect();
    let mut free = plane;
    let mut placed = Vec::with_capacity(areas.len());
    let mut rest = &areas[..];
    while !rest.is_empty() {
        let row = row(rest, free.width.min(free.height));
        free = free.place(&rest[..row], &mut placed);
        rest = &rest[row..];
    }
    placed.into_iter().map(|part| part.within(plane)).collect()
}

/// How many of the areas make the best row along a side of this length: one more would be less square.
fn row(areas: &[f64], side: f64) -> usize {
    let worst = |row: &[f64]| {
        let sum: f64 = row.iter().sum();
        let ratio = |area: &f64| ((side * side * area) / (sum * sum)).max((sum * sum) / (side * side * area));
        row.iter().map(ratio).fold(1.0, f64::max)
    };
    let mut count = 1;
    while count < areas.len() && worst(&areas[..=count]) <= worst(&areas[..count]) {
        count += 1;
    }
    count
}

#[derive(Clone, Copy)]
struct Plane {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Plane {
    /// Places a row along the shorter side, and gives back what is free beside it.
    fn place(self, row: &[f64], placed: &mut Vec<Self>) -> Self {
        let sum: f64 = row.iter().sum();
        let Self { left, top, width, height } = self;
        let is_column = width >= height;
        let side = if is_column { height } else { width };
        let depth = if side > 0.0 { sum / side } else { 0.0 };
        let mut offset = 0.0;
        for area in row {
            let length = if sum > 0.0 { side * area / sum } else { 0.0 };
            placed.push(match is_column {
                true => Self { left, top: top + offset, width: depth, height: length },
                false => Self { left: left + offset, top, width: length, height: depth },
            });
            offset += length;
        }
        match is_column {
            true => Self { left: left + depth, width: (width - depth).max(0.0), ..self },
            false => Self { top: top + depth, height: (height - depth).max(0.0), ..self },
        }
    }

    fn within(self, whole: Self) -> Rect {
        // It is between zero and the whole.
        let share = |at: f64, of: f64| {
            let share = if of > 0.0 { at / of * f64::from(WHOLE) } else { 0.0 };
            (share.round() as u32).min(WHOLE)
        };
        Rect {
            left: share(self.left, whole.width),
            top: share(self.top, whole.height),
            right: WHOLE - share(self.left + self.width, whole.width),
            bottom: WHOLE - share(self.top + self.height, whole.height),
        }
    }
}

impl Rect {
    /// How many times as wide as high it is, in a whole of this proportion.
    pub fn aspect(self, of_whole: f64) -> f64 {
        let width = f64::from(WHOLE.saturating_sub(self.left + self.right).max(1));
        let height = f64::from(WHOLE.saturating_sub(self.top + self.bottom).max(1));
        of_whole * width / height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(rect: Rect) -> u64 {
        u64::from(10_000 - rect.left - rect.right) * u64::from(10_000 - rect.top - rect.bottom)
    }

    fn overlap(a: Rect, b: Rect) -> bool {
        let across = a.left < 10_000 - b.right && b.left < 10_000 - a.right;
        let down = a.top < 10_000 - b.bottom && b.top < 10_000 - a.bottom;
        across && down
    }

    #[test]
    fn areas_are_in_proportion_and_do_not_overlap() {
        let weights: Vec<u64> = (1..=60).rev().map(|number: u64| number * number * 7919).collect();
        let rects = layout(&weights, 1.6);
        let total: u64 = weights.iter().sum();
        for (weight, rect) in weights.iter().zip(&rects) {
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let (expected, found) = (*weight as f64 / total as f64, area(*rect) as f64 / 1e8);
            assert!((expected - found).abs() < 0.0005, "{weight}: {expected} and {found}");
        }
        for (index, rect) in rects.iter().enumerate() {
            assert!(rects[..index].iter().all(|other| !overlap(*rect, *other)), "{rects:?}");
        }
    }

    #[test]
    fn tiles_are_nearly_square() {
        let rects = layout(&[6, 6, 4, 3, 2, 2, 1], 1.5);
        assert!(rects.iter().all(|rect| (0.33..3.1).contains(&rect.aspect(1.5))), "{rects:?}");
    }

    #[test]
    fn nothing_and_one() {
        assert_eq!(layout(&[], 1.6), []);
        assert_eq!(layout(&[5], 1.6), [Rect { left: 0, top: 0, right: 0, bottom: 0 }]);
        assert_eq!(layout(&[0, 0], 1.6).len(), 2);
    }
}
