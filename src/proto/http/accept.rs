//! The form of an answer that a client prefers: RFC 9110, 12.5.1.

use super::head::elements;

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// `text/plain`
    Text,
    /// `application/json`
    Json,
    /// `text/html`
    Html,
    /// `application/x-ndjson`: a JSON value a line.
    NdJson,
}

impl MediaType {
    /// The type and the subtype.
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            MediaType::Text => ("text", "plain"),
            MediaType::Json => ("application", "json"),
            MediaType::Html => ("text", "html"),
            MediaType::NdJson => ("application", "x-ndjson"),
        }
    }
}

/// Returns the form of text, JSON and HTML that the values of all `Accept` fields prefer, as [`preferred_of`] has it; text
/// if nothing else decides.
pub fn preferred<'a>(values: impl Iterator<Item = &'a [u8]>) -> MediaType {
    preferred_of([MediaType::Text, MediaType::Json, MediaType::Html], values)
}

/// Returns the one of these forms that the values of all `Accept` fields prefer: by weight, then a named one before one
/// covered by a range, then the first named; the first form if nothing else decides, or if nothing is acceptable.
pub fn preferred_of<'a, const N: usize>(
    forms: [MediaType; N],
    values: impl Iterator<Item = &'a [u8]>,
) -> MediaType {
    let ranges: Vec<Range<'_>> = values.flat_map(elements).filter_map(Range::parse).collect();
    let mut best = (0, 0, 0, forms.first().copied().unwrap_or(MediaType::Text));
    for form in forms {
        let (main, sub) = form.parts();
        // Of the ranges that cover a form the closest one has its weight, and of equal ones the first.
        let fitting = ranges.iter().rev().enumerate();
        let fitting =
            fitting.filter_map(|(place, range)| Some((range.fits(main, sub)?, place, range.weight)));
        let Some((closeness, place, weight)) = fitting.max() else { continue };
        if weight > 0 && (weight, closeness, place) > (best.0, best.1, best.2) {
            best = (weight, closeness, place, form);
        }
    }
    best.3
}

/// One element of an `Accept` field.
struct Range<'a> {
    main: &'a str,
    sub: &'a str,
    /// The weight in thousandths.
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(element: &'a [u8]) -> Option<Range<'a>> {
        let mut parts = std::str::from_utf8(element).ok()?.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(Some(1.0), |text| text.parse::<f32>().ok())?;
        Some(Range { main, sub, weight: (weight.clamp(0.0, 1.0) * 1000.0) as u16 })
    }

    /// Returns how closely the range matches a type, if it does.
    fn fits(&self, main: &str, sub: &str) -> Option<u8> {
        match (self.main, self.sub) {
            ("*", "*") => Some(0),
            (ours, "*") if ours.eq_ignore_ascii_case(main) => Some(1),
            (ours, theirs) => {
                (ours.eq_ignore_ascii_case(main) && theirs.eq_ignore_ascii_case(sub)).then_some(2)
            }
        }
    }
}
