//! Traces of both shapes and containers, and what is said of damaged ones.

use std::sync::Arc;

use ::parquet::data_type::{DoubleType, Int64Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;
use crate::base::diag::SourceMap;

fn read_text(text: &str) -> Result<Trace, String> {
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let file = sources.add("t.csv", text);
    let trace = read(file, text, &mut found);
    assert_eq!(trace.is_none(), found.has_errors());
    trace.ok_or_else(|| found.render(&sources, 50))
}

fn seconds(seconds: u64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

#[test]
fn columns_stand_in_any_order_and_times_are_seconds_or_durations() {
    let text = "# of last week\nend, node ,start\n1h30m,n-1,10.5\n,n-2,2h\n";
    let Trace::Nodes(downs) = read_text(text).unwrap() else { panic!("names its nodes") };
    let told: Vec<_> = downs.iter().map(|d| (d.node.as_str(), d.start, d.end)).collect();
    let half = SimDuration::from_nanos(10_500_000_000);
    assert_eq!(told, [("n-1", half, Some(seconds(5400))), ("n-2", seconds(7200), None)]);
    assert_eq!(downs.iter().map(|d| d.node.span.line).collect::<Vec<_>>(), [3, 4]);
    let text = "failure_intensity,failure_interval,failure_duration\n0.25,0,1500\n";
    let lasts = SimDuration::from_nanos(1_500_000_000);
    let one = Shared { after: SimDuration::ZERO, lasts, share: 0.25 };
    assert_eq!(read_text(text), Ok(Trace::Shares(vec![one])));
}

#[test]
fn every_mistake_of_a_trace_is_told_with_its_line() {
    let shares = "failure_interval,failure_duration,failure_intensity\n";
    let rows = [
        (String::new(), "t.csv:1", "the trace is empty"),
        ("node,start\nn,1\n".to_owned(), "t.csv:1", "\"node,start\" are not the columns"),
        ("node,start,end,why\nn,1,2,x\n".to_owned(), "t.csv:1", "are not the columns"),
        ("node,start,end\n".to_owned(), "t.csv", "the trace has no failures"),
        ("node,start,end\nn,1,2\nn,3\n".to_owned(), "t.csv:3", "2 values"),
        ("node,start,end\nn,-1,2\n".to_owned(), "t.csv:2", "start \"-1\" is not a time"),
        ("node,start,end\nn,1,NaN\n".to_owned(), "t.csv:2", "end \"NaN\" is not a time"),
        ("node,start,end\nn,5m,300\n".to_owned(), "t.csv:2", "n ends at 300, begun at 5m"),
        (format!("{shares}1.5,1,1\n"), "t.csv:2", "failure_interval \"1.5\" is not a time"),
        (format!("{shares}1,0,1\n"), "t.csv:2", "failure_duration of zero"),
        (format!("{shares}1,99999999999999999,1\n"), "t.csv:2", "is not a time"),
        (format!("{shares}1,1,0\n"), "t.csv:2", "failure_intensity \"0\" is not a share"),
        (format!("{shares}1,1,1.5\n"), "t.csv:2", "failure_intensity \"1.5\" is not a share"),
    ];
    for (text, place, message) in rows {
        let told = read_text(&text).unwrap_err();
        assert!(told.contains(place) && told.contains(message), "{text:?}: {told}");
        assert!(told.contains("help: "), "{text:?}: {told}");
    }
}

/// A Parquet file with three columns of these names.
fn parquet(names: [&str; 3], rows: &[(i64, i64, f64)]) -> tempfile::NamedTempFile {
    let [first, second, third] = names;
    let schema = format!(
        "message m {{ REQUIRED INT64 {first}; REQUIRED INT64 {second}; REQUIRED DOUBLE {third}; }}"
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    let to = file.reopen().unwrap();
    let properties = WriterProperties::builder();
    let properties = properties.set_compression(::parquet::basic::Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(to, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let whole: [Vec<i64>; 2] =
        [rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect()];
    for column in &whole {
        let mut to = group.next_column().unwrap().unwrap();
        to.typed::<Int64Type>().write_batch(column, None, None).unwrap();
        to.close().unwrap();
    }
    let shares: Vec<f64> = rows.iter().map(|row| row.2).collect();
    let mut to = group.next_column().unwrap().unwrap();
    to.typed::<DoubleType>().write_batch(&shares, None, None).unwrap();
    to.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn parquet_reads_as_the_csv_of_its_rows() {
    let rows = [(0, 600_000, 1.0), (1_200_000, 300_000, 1.0 / 3.0)];
    let file = parquet(OF_SHARES, &rows);
    let mut open = file.reopen().unwrap();
    assert!(is_parquet(&mut open).unwrap());
    let text = text_of(open).unwrap();
    assert_eq!(
        text,
        "failure_interval,failure_duration,failure_intensity\n0,600000,1\n\
         1200000,300000,0.3333333333333333\n"
    );
    let Ok(Trace::Shares(read)) = read_text(&text) else { panic!("shares") };
    assert_eq!(read[1], Shared { after: seconds(1200), lasts: seconds(300), share: 1.0 / 3.0 });
    // A negative number is a matter of the row, a strange column one of the file.
    let told = read_text(&text_of(parquet(OF_SHARES, &[(-5, 1, 1.0)]).reopen().unwrap()).unwrap());
    assert!(told.unwrap_err().contains("failure_interval \"-5\" is not a time"));
    let other = parquet(["failure_start", "failure_duration", "failure_intensity"], &rows);
    let told = text_of(other.reopen().unwrap()).unwrap_err();
    assert!(told.contains("the columns failure_start, failure_duration"), "{told}");
}

#[test]
fn damaged_parquet_is_refused_or_read_and_ends_nothing() {
    let rows: Vec<(i64, i64, f64)> = (1..40).map(|i| (i, i * i, 1.0 / i as f64)).collect();
    let file = parquet(OF_SHARES, &rows);
    let sound = std::fs::read(file.path()).unwrap();
    let mut refused = 0;
    let mut damaged: Vec<Vec<u8>> = (0..sound.len()).map(|len| sound[..len].to_vec()).collect();
    for place in 0..sound.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = sound.clone();
            bytes[place] ^= bit;
            damaged.push(bytes);
        }
    }
    for bytes in &damaged {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        refused += u32::from(text_of(file.reopen().unwrap()).is_err());
    }
    assert!(refused as usize > sound.len(), "{refused} of {}", damaged.len());
    // A page that says it is encoded by a dictionary that the column does not have, or the like: the
    // decoder panics, and nobody hears of it.
    assert_eq!(text_of(file.reopen().unwrap()).unwrap().lines().count(), rows.len() + 1);
}
