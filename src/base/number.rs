//! How numbers are written, in the window and in the terminal alike.

/// A size split for alignment: digits and unit stand in columns of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeText {
    /// `140.6`.
    pub digits: String,
    /// `KiB`.
    pub unit: &'static str,
}

/// Splits a byte count into digits and unit: whole bytes below 1,000, else one decimal, base 1,024.
#[must_use]
pub fn size_text(bytes: u64) -> SizeText {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1000 {
        return SizeText { digits: bytes.to_string(), unit: "B" };
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // 999.95 would print as 1000.0: go on to the next unit before that.
        if value < 999.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    SizeText { digits: format!("{value:.1}"), unit }
}

/// `140.6 KiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let text = size_text(bytes);
    format!("{} {}", text.digits, text.unit)
}

/// `3,000`.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `144,000 bytes`, for hovers and copies.
#[must_use]
pub fn exact_bytes(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{} bytes", count(bytes)) }
}

/// `97.1 %`; below a tenth of a per cent `< 0.1 %`; exactly nothing is `0 %`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    if percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

/// `1 object`, `3,000 objects`.
#[must_use]
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `0.4 s`, `12 s`, `3 min 20 s`.
#[must_use]
pub fn duration(secs: f64) -> String {
    if secs < 9.95 {
        format!("{secs:.1} s")
    } else if secs < 90.0 {
        format!("{secs:.0} s")
    } else {
        let whole = secs.round() as u64;
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (1024, "1.0 KiB"),
            (143_974, "140.6 KiB"),
            (1_023_999, "1.0 MiB"),
            (13_002_342, "12.4 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn counts_shares_and_durations() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(share(971, 1000), "97.1 %");
        assert_eq!(share(1, 10_000), "< 0.1 %");
        assert_eq!(share(0, 10), "0 %");
        assert_eq!(counted(1, "object", "objects"), "1 object");
        assert_eq!(duration(0.42), "0.4 s");
        assert_eq!(duration(200.0), "3 min 20 s");
    }
}
