# kcat: topics, codecs, keys and headers, offsets by time, a group, what is refused. Each command's output is the transcript.
set -u
run() {
  echo "$ kcat $*"
  kcat -b "$BOOTSTRAP_SERVERS" -X log_level=0 "$@" 2>&1 | sed -e "s/$BOOTSTRAP_SERVERS/SERVERS/g" -e 's/^%[0-9].*//' -e '/^$/d'
}

for codec in none gzip snappy lz4 zstd; do
  printf 'one:1\ntwo:2\nthree:3\n' | run -P -t "kcat-$codec" -K: -z "$codec" -H "codec=$codec" -X acks=all
  run -C -t "kcat-$codec" -o beginning -e -q -f '%p %o %k=%s %h\n'
done
printf 'again:4\n' | run -P -t kcat-zstd -K: -X enable.idempotence=true
run -C -t kcat-zstd -o -2 -e -q -f '%o %k=%s\n'
run -C -t kcat-zstd -o 1 -c 1 -q -f '%o %k=%s\n'
run -Q -t kcat-zstd:0:1
run -Q -t kcat-zstd:0:-1
run -Q -t kcat-zstd:0:4102444800000
run -L -t kcat-zstd | sed -e 's/Metadata for .*/Metadata/' -e 's/broker [0-9]* at [^ ]*/broker/'
printf 'kept\n' | run -P -t kcat-compacted -k key
printf '' | run -P -t kcat-compacted -k key -Z
run -C -t kcat-compacted -o beginning -e -q -Z -f '%k=%s\n'
run -G kcat-group -o beginning -e -q -X auto.offset.reset=earliest kcat-zstd kcat-gzip -f '%t %o %s\n' | sort
run -G kcat-group -e -q -X auto.offset.reset=earliest kcat-zstd kcat-gzip -f '%t %o %s\n' | sort
run -C -t kcat-zstd -p 7 -o beginning -e -q
run -C -t 'kcat impossible' -o beginning -e -q
head -c 2000000 /dev/zero | tr '\0' x | run -P -t kcat-none -D '' -X message.max.bytes=10000000
