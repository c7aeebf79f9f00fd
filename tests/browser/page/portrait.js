// Drawn people for pictures of the page: a face before a wall, a little different for each name, that moves
// its head; and a slide for whoever shares a screen. A classic script that runs inside pages.
volleyTest.portrait = (() => {
  const WALLS = [['#e9dfd0', '#c9b79d'], ['#d7e3df', '#a9c1ba'], ['#e4dbe6', '#bca9c4'], ['#dbe4ee', '#a5b8d0'], ['#f0ddcf', '#d4a98c'], ['#3d4a52', '#232c33'], ['#e8e6d4', '#c4bf94'], ['#56483f', '#362c26']];
  const SKINS = ['#f3cfb3', '#e5b48f', '#c98e66', '#a56b45', '#7a4a2e', '#f0c3a4', '#5d3825', '#d9a47c'];
  const HAIRS = ['#2a1d17', '#4b3223', '#8a5a32', '#c79a5b', '#1b1a20', '#6e6a6a', '#a3402a', '#d9cdbd'];
  const SHIRTS = ['#2f5d73', '#8c3b46', '#3f6b4f', '#c78a35', '#5a4b7c', '#d9d5cc', '#27323d', '#b5583b'];
  const INK = '#2a211d';

  // The same name looks the same on every page.
  function dice(name) {
    let state = [...name].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) >>> 0, 7) + 1;
    return (count) => {
      state = (Math.imul(state, 48271) >>> 0) % 2147483647;
      return Math.floor((state / 2147483647) * count);
    };
  }

  function looksOf(name) {
    const roll = dice(name);
    const one = (list) => list[roll(list.length)];
    return {
      wall: one(WALLS), skin: one(SKINS), hair: one(HAIRS), shirt: one(SHIRTS), cut: roll(4), decor: roll(4), glasses: roll(4) === 0,
      pace: 0.5 + roll(100) / 120, phase: roll(628) / 100, lean: (roll(100) - 50) / 900,
    };
  }

  function paint(context, width, height, looks, seconds) {
    const unit = height;
    context.save();
    wall(context, width, height, looks);
    const sway = Math.sin(seconds * looks.pace + looks.phase);
    context.translate(width * (0.5 + looks.lean) + sway * unit * 0.012, height * 0.52 + Math.cos(seconds * looks.pace * 1.3) * unit * 0.006);
    if (looks.cut === 1) mane(context, unit, looks);
    body(context, unit, looks);
    context.rotate(sway * 0.03);
    head(context, unit, looks, seconds);
    context.restore();
  }

  function wall(context, width, height, { wall: [light, dark], decor }) {
    const gradient = context.createLinearGradient(0, 0, width, height);
    gradient.addColorStop(0, light);
    gradient.addColorStop(1, dark);
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);
    context.globalAlpha = 0.5;
    [shelf, pane, plant, frame][decor](context, width, height, light, dark);
    context.globalAlpha = 1;
  }

  function shelf(context, width, height, light, dark) {
    context.fillStyle = dark;
    context.fillRect(width * 0.66, height * 0.34, width * 0.34, height * 0.025);
    SHIRTS.forEach((colour, at) => {
      context.fillStyle = colour;
      context.fillRect(width * (0.69 + at * 0.033), height * (0.34 - 0.13 - (at % 3) * 0.02), width * 0.026, height * (0.13 + (at % 3) * 0.02));
    });
  }

  function pane(context, width, height) {
    context.fillStyle = '#f6fbff';
    for (const [x, y] of [[0.06, 0.1], [0.19, 0.1], [0.06, 0.36], [0.19, 0.36]]) context.fillRect(width * x, height * y, width * 0.12, height * 0.24);
  }

  function plant(context, width, height) {
    context.fillStyle = '#4d7a5a';
    for (let leaf = 0; leaf < 7; leaf += 1) {
      context.beginPath();
      context.ellipse(width * 0.87, height * 0.5, width * 0.022, height * 0.2, (leaf - 3) * 0.35, 0, Math.PI);
      context.ellipse(width * (0.87 + (leaf - 3) * 0.022), height * (0.36 + Math.abs(leaf - 3) * 0.03), width * 0.02, height * 0.13, (leaf - 3) * 0.3, 0, 7);
      context.fill();
    }
  }

  function frame(context, width, height, light, dark) {
    context.fillStyle = dark;
    context.fillRect(width * 0.07, height * 0.14, width * 0.2, height * 0.3);
    context.fillStyle = light;
    context.fillRect(width * 0.09, height * 0.175, width * 0.16, height * 0.23);
  }

  function mane(context, unit, { hair }) {
    context.fillStyle = hair;
    context.beginPath();
    context.roundRect(-unit * 0.19, -unit * 0.24, unit * 0.38, unit * 0.52, unit * 0.19);
    context.fill();
  }

  function body(context, unit, { shirt, skin }) {
    context.fillStyle = shirt;
    context.beginPath();
    context.moveTo(-unit * 0.42, unit * 0.6);
    context.bezierCurveTo(-unit * 0.4, unit * 0.26, -unit * 0.24, unit * 0.22, -unit * 0.1, unit * 0.19);
    context.lineTo(unit * 0.1, unit * 0.19);
    context.bezierCurveTo(unit * 0.24, unit * 0.22, unit * 0.4, unit * 0.26, unit * 0.42, unit * 0.6);
    context.fill();
    context.fillStyle = skin;
    context.beginPath();
    context.roundRect(-unit * 0.075, unit * 0.06, unit * 0.15, unit * 0.17, unit * 0.07);
    context.fill();
    context.fillStyle = 'rgb(0 0 0 / 0.13)';
    context.beginPath();
    context.ellipse(0, unit * 0.1, unit * 0.085, unit * 0.045, 0, 0, 7);
    context.fill();
  }

  function head(context, unit, { skin, hair, cut, glasses }, seconds) {
    const oval = (x, y, across, down) => {
      context.beginPath();
      context.ellipse(unit * x, unit * y, unit * across, unit * down, 0, 0, 7);
      context.fill();
    };
    context.fillStyle = hair;
    if (cut === 2) oval(0, -0.25, 0.08, 0.07);
    context.fillStyle = skin;
    oval(-0.15, -0.05, 0.03, 0.042);
    oval(0.15, -0.05, 0.03, 0.042);
    oval(0, -0.055, 0.15, 0.19);
    context.fillStyle = hair;
    context.beginPath();
    context.ellipse(0, -unit * 0.1, unit * 0.158, unit * (cut === 3 ? 0.16 : 0.15), 0, Math.PI, 0);
    context.bezierCurveTo(unit * 0.1, -unit * (cut === 0 ? 0.19 : 0.12), -unit * 0.04, -unit * 0.2, -unit * 0.158, -unit * 0.1);
    context.fill();
    context.fillStyle = INK;
    // Everybody blinks now and then.
    const lid = seconds % 4 < 0.15 ? 0.002 : 0.014;
    oval(-0.055, -0.05, 0.013, lid);
    oval(0.055, -0.05, 0.013, lid);
    context.strokeStyle = INK;
    context.lineWidth = unit * 0.008;
    context.lineCap = 'round';
    context.beginPath();
    context.arc(0, unit * 0.01, unit * 0.05, 0.35, Math.PI - 0.35);
    context.stroke();
    if (!glasses) return;
    for (const side of [-1, 1]) {
      context.beginPath();
      context.arc(side * unit * 0.057, -unit * 0.05, unit * 0.042, 0, 7);
      context.stroke();
    }
  }

  // A moving picture of somebody; `end` stops it.
  function film(name, { width, height, fps }) {
    const looks = looksOf(name);
    return play(width, height, fps, (context, seconds) => paint(context, width, height, looks, seconds));
  }

  function slide({ width = 1280, height = 720, fps = 5 } = {}) {
    return play(width, height, fps, (context, seconds) => {
      context.fillStyle = '#fbfaf7';
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#1d2b27';
      context.font = '600 52px "Liberation Sans", sans-serif';
      context.fillText('What a good meeting needs', 90, 130);
      context.font = '30px "Liberation Sans", sans-serif';
      context.fillStyle = '#55625b';
      ['A reason', 'Few people', 'An end'].forEach((line, at) => context.fillText(`${at + 1}.  ${line}`, 96, 230 + at * 62));
      [0.5, 0.72, 0.6, 0.9, 0.82].forEach((share, at) => {
        const tall = share * 300 + Math.sin(seconds + at) * 6;
        context.fillStyle = at === 3 ? '#0b7a5c' : '#bfd8cf';
        context.beginPath();
        context.roundRect(660 + at * 104, 610 - tall, 74, tall, [10, 10, 0, 0]);
        context.fill();
      });
    });
  }

  function play(width, height, fps, draw) {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d', { alpha: false });
    const [track] = canvas.captureStream(fps).getVideoTracks();
    const began = performance.now();
    const tick = () => draw(context, (performance.now() - began) / 1000);
    tick();
    const timer = setInterval(tick, 1000 / fps);
    return { track, end: () => clearInterval(timer) };
  }

  return { film, slide };
})();
