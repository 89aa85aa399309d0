//! Sizes, durations and versions as the spec writes them.

/// Reads `256MiB`: a whole number and a binary unit.
///
/// # Errors
/// What to write instead.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = split(text);
    let factor: u64 = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => 0,
    };
    let meant = ["KiB", "MiB", "GiB", "TiB"]
        .into_iter()
        .find(|known| unit.to_lowercase().starts_with(&known[..1].to_lowercase()))
        .unwrap_or("MiB");
    let form = "A size is a whole number and a binary unit: KiB, MiB, GiB or TiB";
    match digits.parse::<u64>() {
        Ok(number) if factor > 0 && number > 0 => {
            number.checked_mul(factor).ok_or_else(|| format!("{form}; this one is beyond 64 bits."))
        }
        Ok(number) if number > 0 => Err(format!("{form}, for example \"{number}{meant}\".")),
        _ => Err(format!("{form}, for example \"256MiB\".")),
    }
}

/// Reads `72h` into seconds.
///
/// # Errors
/// What to write instead.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let (digits, unit) = split(text);
    let factor: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let seconds = digits.parse::<u64>().ok().filter(|n| *n > 0 && factor > 0).and_then(|n| n.checked_mul(factor));
    // Later sums with the clock must not overflow: a thousand years is enough for any plan.
    seconds
        .filter(|s| *s <= 1000 * 365 * 86_400)
        .ok_or_else(|| "A duration is a whole number and s, m or h: \"30s\", \"5m\", \"72h\".".into())
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// Whether a version satisfies `>= 0.1, < 0.3`.
///
/// # Errors
/// The part that is not a constraint.
pub(super) fn version_satisfies(version: &str, constraint: &str) -> Result<bool, String> {
    let have = numbers(version.split(['-', '+']).next().unwrap_or(version)).ok_or_else(|| version.to_owned())?;
    let mut satisfied = true;
    for part in constraint.split(',') {
        let part = part.trim();
        let digits = part.find(|c: char| c.is_ascii_digit()).ok_or_else(|| part.to_owned())?;
        let (operator, wanted_text) = part.split_at(digits);
        let given = wanted_text.split('.').count();
        let wanted = numbers(wanted_text).ok_or_else(|| part.to_owned())?;
        satisfied &= match operator.trim() {
            ">=" => have >= wanted,
            "<=" => have <= wanted,
            ">" => have > wanted,
            "<" => have < wanted,
            "" | "=" => have == wanted,
            "~>" => {
                // The last number given may grow, those before it may not.
                let fixed = given.saturating_sub(1);
                have >= wanted && have.get(..fixed) == wanted.get(..fixed)
            }
            _ => return Err(part.to_owned()),
        };
    }
    Ok(satisfied)
}

fn numbers(text: &str) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut slots = numbers.iter_mut();
    for part in text.split('.') {
        *slots.next()? = part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    Some(numbers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_binary_unit_and_nothing_else() {
        for (text, expected) in [
            ("64KiB", Some(65_536)),
            ("256MiB", Some(268_435_456)),
            ("1GiB", Some(1_073_741_824)),
            ("2TiB", Some(2_199_023_255_552)),
            ("0MiB", None),
            ("256MB", None),
            ("256M", None),
            ("256", None),
            ("1.5GiB", None),
            ("-1GiB", None),
            (" 1GiB", None),
            ("1 GiB", None),
            ("1gib", None),
            ("99999999999TiB", None),
            ("", None),
            ("é", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
        assert!(size("256MB").unwrap_err().contains("\"256MiB\""));
        assert!(size("3g").unwrap_err().contains("\"3GiB\""));
    }

    #[test]
    fn a_duration_is_one_number_and_one_unit() {
        for (text, expected) in [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("72h", Some(259_200)),
            ("0s", None),
            ("1h30m", None),
            ("3d", None),
            ("5", None),
            ("99999999999h", None),
        ] {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_version_is_held_against_every_part_of_a_constraint() {
        for (version, constraint, expected) in [
            ("0.1.0", ">= 0.1", Some(true)),
            ("0.1.0", "> 0.1", Some(false)),
            ("0.1.0", "0.1.0", Some(true)),
            ("0.1.1", "= 0.1", Some(false)),
            ("0.2.9", "~> 0.2.1", Some(true)),
            ("0.3.0", "~> 0.2.1", Some(false)),
            ("0.3.0", "~> 0.2", Some(true)),
            ("1.0.0", "~> 0.2", Some(false)),
            ("0.2.5", ">= 0.1, < 0.2", Some(false)),
            ("0.2.5", ">=0.1,<=0.2.5", Some(true)),
            ("0.2.0-rc.1", ">= 0.2", Some(true)),
            ("0.10.0", "> 0.9", Some(true)),
            ("0.1.0", "!= 0.1", None),
            ("0.1.0", "", None),
            ("0.1.0", ">= x", None),
            ("0.1.0", ">= 1.2.3.4", None),
            ("0.1.0", ">= 0.1,", None),
        ] {
            assert_eq!(version_satisfies(version, constraint).ok(), expected, "{version} {constraint}");
        }
    }
}
