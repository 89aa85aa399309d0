//! What is chosen where the spec says `auto` or nothing: the newest image, a subnet, the size of a volume. Chosen once
//! and kept in the state; whatever is chosen comes with the reason that the plan shows.

use crate::formats::cloud::{Image, Subnet};
use crate::think::gates::disk::size;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// A volume is at least this large, in GiB: the file system, the program and the files of a few parts.
pub const LEAST_GIB: u32 = 4;
const GIB: u64 = 1 << 30;

/// Addresses that a subnet must have free.
const FREE: u32 = 1;

/// The newest image for x86-64, by the time of its making, then its id.
///
/// # Errors
/// None of them fits: the finding says what there is.
pub fn newest<'i>(images: &'i [Image], owner: &str, name: &str) -> Result<&'i Image, Box<Diagnostic>> {
    let fits = |image: &&Image| image.architecture.is_empty() || image.architecture == "x86_64";
    images.iter().filter(fits).max_by_key(|image| (&image.created, &image.id)).ok_or_else(|| {
        let found = match images.len() {
            0 => format!("owner {owner} has no image named {name} in this region"),
            n => format!("{n} images of owner {owner} are named {name}, and none is for x86-64"),
        };
        Box::new(Diagnostic::error(codes::NO_IMAGE, found).help(
            "Correct `owner` or `name` in `ami`: `*` and `?` stand for any characters, and upper and lower case count.",
        ))
    })
}

/// The subnet and why it was taken.
///
/// # Errors
/// None has room, or the one that the spec names is not there.
pub fn subnet<'s>(
    subnets: &'s [Subnet],
    asked: Option<&str>,
    writer_zone: Option<&str>,
    vpc: &str,
) -> Result<(&'s Subnet, String), Box<Diagnostic>> {
    if let Some(asked) = asked {
        let Some(found) = subnets.iter().find(|s| s.id == asked) else {
            let there: Vec<&str> = subnets.iter().map(|s| s.id.as_str()).collect();
            return Err(Box::new(
                Diagnostic::error(codes::NO_SUBNET, format!("{asked} is not a subnet of {vpc}, where the source is"))
                    .detail(format!("There are {}.", there.join(", ")))
                    .help("Name one of them as `subnet_id`, or leave the line out."),
            ));
        };
        if found.free_addresses < FREE {
            let full = Diagnostic::error(codes::NO_SUBNET, format!("{asked} has no free address"));
            return Err(Box::new(full.help("Name another `subnet_id`, or leave the line out.")));
        }
        return Ok((found, "named in the spec".into()));
    }
    let with_room = subnets.iter().filter(|s| s.free_addresses >= FREE);
    let near = |s: &Subnet| writer_zone.is_some_and(|zone| s.zone == zone);
    // Most free addresses first, then the id: the same of the same.
    let best = with_room.max_by_key(|s| (near(s), s.free_addresses, std::cmp::Reverse(s.id.clone())));
    match best {
        None => Err(Box::new(
            Diagnostic::error(codes::NO_SUBNET, format!("no subnet of {vpc} has a free address"))
                .detail(format!("{} looked at.", crate::think::gates::count(subnets.len(), "subnet")))
                .help("Free an address or add a subnet to the VPC, or name one by `subnet_id`."),
        )),
        Some(best) if near(best) => Ok((best, format!("{}, the writer's zone", best.zone))),
        Some(best) => {
            let why = match writer_zone {
                Some(zone) => format!("{}; none with a free address in {zone}, the writer's zone", best.zone),
                None => format!("{}; the writer's zone is not told", best.zone),
            };
            Ok((best, why))
        }
    }
}

/// How many bytes the source has, by both that can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceBytes {
    /// CloudWatch `VolumeBytesUsed`: the cluster's storage, indexes and dead rows included.
    pub storage: Option<u64>,
    /// Sum of information_schema's `data_length`, of the selected tables.
    pub tables: Option<u64>,
}

impl SourceBytes {
    /// What counts: the storage, or what the tables say where that is not told.
    pub fn counted(self) -> Option<u64> {
        self.storage.or(self.tables)
    }

    fn shown(self) -> String {
        match (self.storage, self.tables) {
            (Some(storage), Some(tables)) => {
                format!("{} of storage used (information_schema: {})", size(storage), size(tables))
            }
            (Some(storage), None) => format!("{} of storage used", size(storage)),
            (None, Some(tables)) => format!("{} by information_schema", size(tables)),
            (None, None) => "the source's size is not known".into(),
        }
    }
}

/// The size of a volume in GiB and where it comes from. `auto`: source bytes x 1.3, rounded up.
///
/// # Errors
/// `auto` and the source's size is not known; a size that the source does not fit in.
pub fn volume(asked: Option<u32>, source: SourceBytes) -> Result<(u32, String), Box<Diagnostic>> {
    let Some(bytes) = source.counted() else {
        return match asked {
            Some(gib) => Ok((gib, "named in the spec; the source's size is not known".into())),
            None => Err(Box::new(
                Diagnostic::error(codes::VOLUME_SIZE_UNKNOWN, "the size of the volume cannot be worked out")
                    .detail("CloudWatch has no VolumeBytesUsed of the last day, and the source's tables were not seen.")
                    .help("Name it: volume { size = \"100GiB\" }, larger than the database."),
            )),
        };
    };
    let wanted = times_1_3(bytes).div_ceil(GIB).max(u64::from(LEAST_GIB));
    match asked {
        None => {
            let gib = u32::try_from(wanted).unwrap_or(u32::MAX);
            let least = if wanted == u64::from(LEAST_GIB) { ", at least 4 GiB" } else { "" };
            let product = size(times_1_3(bytes));
            Ok((gib, format!("{} x 1.3 = {product}, rounded up{least}", source.shown())))
        }
        Some(gib) if u64::from(gib) * GIB < bytes => Err(Box::new(
            Diagnostic::error(
                codes::VOLUME_TOO_SMALL,
                format!("the volume of {gib} GiB is smaller than the source needs"),
            )
            .detail(format!("{}; with room to work, x 1.3, that is {wanted} GiB.", source.shown()))
            .help(format!("Set size = \"{wanted}GiB\" or more in `volume`, or size = \"auto\".")),
        )),
        Some(gib) => Ok((gib, format!("named in the spec; {}", source.shown()))),
    }
}

/// A warning for a size that the source fits in with little room.
pub fn tight(gib: u32, source: SourceBytes) -> Option<Diagnostic> {
    let bytes = source.counted()?;
    (u64::from(gib) * GIB >= bytes && u64::from(gib) * GIB < times_1_3(bytes)).then(|| {
        let wanted = times_1_3(bytes).div_ceil(GIB);
        Diagnostic::warning(codes::VOLUME_TIGHT, format!("the volume of {gib} GiB leaves little room"))
            .detail(format!("{}; x 1.3 that is {wanted} GiB.", source.shown()))
            .help("Rows in a dump take more or less room than in the source: size = \"auto\" leaves a margin.")
    })
}

fn times_1_3(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10 * 3).saturating_add(bytes % 10 * 3 / 10)
}

/// What a declared tier says of the article's minimum, `T1.standard`. It is declared, not observed: no session can ask
/// a TiDB Cloud cluster for it.
pub fn tier(declared: &str) -> Option<Diagnostic> {
    let tier = declared.to_lowercase();
    let enough = ["dedicated", "premium", "byoc"].contains(&tier.as_str())
        || tier.strip_prefix('t').and_then(|t| t.split_once('.')).is_some_and(|(number, size)| {
            number.parse::<u32>().is_ok_and(|n| n >= 1) && !["dev", "micro", "small"].contains(&size)
        });
    if enough {
        return None;
    }
    let small = ["starter", "serverless", "essential", "developer", "dev", "free"].iter().any(|s| tier.starts_with(s))
        || tier.starts_with('t') && tier.contains('.');
    Some(if small {
        Diagnostic::error(codes::TIER_TOO_SMALL, format!("tier {declared} is below T1.standard"))
            .detail("The tier is declared in the spec, not observed. VPC peering comes with T1.standard (Dedicated) and above.")
            .help("Take a cluster of tier T1.standard or above, or correct `tier`.")
    } else {
        Diagnostic::warning(codes::TIER_UNKNOWN, format!("tier {declared} is not known to mig"))
            .detail("The tier is declared in the spec, not observed; T1.standard or above is needed for VPC peering.")
            .help("Look at TiDB Cloud that the cluster is large enough.")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_image_for_the_processor_is_taken() {
        let image = |id: &str, created: &str, architecture: &str| Image {
            id: id.into(),
            name: format!("RHEL-{id}"),
            created: created.into(),
            architecture: architecture.into(),
            root_device: "/dev/sda1".into(),
            root_gib: 10,
        };
        let images = [
            image("ami-1", "2025-01-01T00:00:00.000Z", "x86_64"),
            image("ami-3", "2026-01-01T00:00:00.000Z", "x86_64"),
            image("ami-4", "2026-06-01T00:00:00.000Z", "arm64"),
            image("ami-2", "2026-01-01T00:00:00.000Z", "x86_64"),
        ];
        assert_eq!(newest(&images, "o", "n").unwrap().id, "ami-3");
        assert!(newest(&images[2..3], "o", "n").unwrap_err().summary.contains("none is for x86-64"));
        assert!(newest(&[], "o", "RHEL-9*").unwrap_err().summary.contains("owner o has no image named RHEL-9*"));
    }

    #[test]
    fn a_subnet_with_a_free_address_near_the_writer_is_taken() {
        let subnet_in = |id: &str, zone: &str, free| Subnet {
            id: id.into(),
            zone: zone.into(),
            free_addresses: free,
            ..Subnet::default()
        };
        let all = [
            subnet_in("subnet-a", "us-west-2a", 200),
            subnet_in("subnet-b", "us-west-2b", 10),
            subnet_in("subnet-c", "us-west-2b", 20),
            subnet_in("subnet-d", "us-west-2c", 0),
        ];
        for (asked, zone, expected) in [
            (None, Some("us-west-2b"), Ok(("subnet-c", "the writer's zone"))),
            (None, Some("us-west-2c"), Ok(("subnet-a", "none with a free address in us-west-2c"))),
            (None, None, Ok(("subnet-a", "not told"))),
            (Some("subnet-b"), Some("us-west-2a"), Ok(("subnet-b", "named in the spec"))),
            (Some("subnet-d"), None, Err("subnet-d has no free address")),
            (Some("subnet-x"), None, Err("subnet-x is not a subnet of vpc-1")),
        ] {
            match (subnet(&all, asked, zone, "vpc-1"), expected) {
                (Ok((found, why)), Ok((id, words))) => {
                    assert_eq!(found.id, id, "{asked:?} {zone:?}");
                    assert!(why.contains(words), "{why}");
                }
                (Err(found), Err(words)) => assert!(found.summary.contains(words), "{found:?}"),
                (found, expected) => panic!("{asked:?}: {found:?}, not {expected:?}"),
            }
        }
        assert!(subnet(&all[3..], None, None, "vpc-1").unwrap_err().summary.contains("no subnet of vpc-1"));
    }

    #[test]
    fn a_volume_is_as_large_as_the_source_needs_and_shows_its_arithmetic() {
        let bytes = |storage, tables| SourceBytes { storage, tables };
        for (asked, source, expected) in [
            (
                None,
                bytes(Some(12 * GIB), Some(9 * GIB)),
                Ok((16, "12.0 GiB of storage used (information_schema: 9.0 GiB) x 1.3 = 15.6 GiB, rounded up")),
            ),
            (None, bytes(Some(10 * GIB), None), Ok((13, "10.0 GiB of storage used x 1.3 = 13.0 GiB, rounded up"))),
            (None, bytes(None, Some(10 * GIB + 1)), Ok((14, "10.0 GiB by information_schema x 1.3"))),
            (None, bytes(Some(1 << 20), None), Ok((4, "rounded up, at least 4 GiB"))),
            (None, bytes(None, None), Err("cannot be worked out")),
            (Some(100), bytes(None, None), Ok((100, "not known"))),
            (Some(12), bytes(Some(12 * GIB), None), Ok((12, "named in the spec; 12.0 GiB"))),
            (Some(11), bytes(Some(12 * GIB), None), Err("the volume of 11 GiB is smaller than the source needs")),
        ] {
            match (volume(asked, source), expected) {
                (Ok((gib, why)), Ok((expected, words))) => {
                    assert_eq!(gib, expected, "{asked:?} {source:?}");
                    assert!(why.contains(words), "{why}");
                }
                (Err(found), Err(words)) => assert!(found.summary.contains(words), "{found:?}"),
                (found, expected) => panic!("{asked:?}: {found:?}, not {expected:?}"),
            }
        }
        assert!(tight(12, bytes(Some(12 * GIB), None)).is_some());
        assert!(tight(16, bytes(Some(12 * GIB), None)).is_none());
        assert!(tight(11, bytes(Some(12 * GIB), None)).is_none(), "that one is refused");
    }

    #[test]
    fn a_declared_tier_is_held_against_the_least_one() {
        for (declared, code) in [
            ("T1.standard", None),
            ("t2.large", None),
            ("Dedicated", None),
            ("T1.micro", Some("MIG3265")),
            ("T0.standard", Some("MIG3265")),
            ("Starter", Some("MIG3265")),
            ("Serverless", Some("MIG3265")),
            ("Gold", Some("MIG3266")),
        ] {
            let found = tier(declared);
            assert_eq!(found.as_ref().map(|f| f.code.to_string()).as_deref(), code, "{declared}");
            assert!(found.is_none_or(|f| f.detail.contains("declared in the spec, not observed")), "{declared}");
        }
    }
}
