export default { output: "standalone", poweredByHeader: false, images: { unoptimized: true } };
