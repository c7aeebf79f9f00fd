//! Figures as people read them.

/// `12345678` as `12,345,678`.
pub(crate) fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `0.1234` as `12.3 %`; shares below a tenth of a per cent with more digits, since losses are.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent != 0.0 && percent.abs() < 0.1 { format!("{percent:.4} %") } else { format!("{percent:.1} %") }
}

/// Seconds as milliseconds.
pub(crate) fn milliseconds(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1e3)
}

/// Bytes as MiB.
pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

/// Bytes as KiB.
pub(crate) fn kibibytes(bytes: f64) -> String {
    format!("{:.1} KiB", bytes / 1024.0)
}

/// A factor, as `5.12 ×`.
pub(crate) fn factor(value: f64) -> String {
    format!("{value:.2} ×")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(999.4), "999");
        assert_eq!(count(1000.0), "1,000");
        assert_eq!(count(1_234_567.8), "1,234,568");
        assert_eq!(count(-1234.0), "-1,234");
    }

    #[test]
    fn a_small_loss_does_not_look_like_none() {
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.00004), "0.0040 %");
        assert_eq!(percent(0.256), "25.6 %");
    }

    #[test]
    fn units_are_said() {
        assert_eq!(milliseconds(0.00512), "5.12 ms");
        assert_eq!(mebibytes(3.5 * 1048576.0), "3.5 MiB");
        assert_eq!(kibibytes(88_474.0), "86.4 KiB");
        assert_eq!(factor(5.123), "5.12 ×");
    }
}
